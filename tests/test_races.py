"""What many do at once: the database lets one win, and the others are told so."""

import time
from collections import Counter
from typing import Any

import requests

from tests.at_once import at_once
from tests.people import PASSWORD, Person, book, new_name, register
from tests.served import ServedPair

TRIES = 20

Request = tuple[str, str, dict[str, Any] | None]  # method, path, body


def statuses(pair: ServedPair, service: str, sent: list[Request], *, token: str) -> Counter[int]:
    """Send all requests at once; return how often each status came.

    Who finds no free core for a hash, on a busy machine, asks again when the service says so.
    """
    url, headers = pair.url(service), {"x-access-tokens": token}

    def ask(session: requests.Session, number: int) -> requests.Response:
        method, path, body = sent[number]
        for _ in range(TRIES):
            answer = session.request(method, url + path, json=body, headers=headers, timeout=30)
            if answer.status_code != 503:
                return answer
            time.sleep(int(answer.headers["Retry-After"]))
        raise AssertionError("the service never had a free core")

    return Counter(answer.status_code for answer in at_once(len(sent), url, ask))


def test_whatever_many_do_at_once_one_wins(own_served_pair: ServedPair) -> None:
    """One test for all of it, because four workers take some seconds to start."""
    own_served_pair.environment["WEB_CONCURRENCY"] = "4"
    pair = own_served_pair.start()
    name = new_name()
    spellings = [name, name.upper(), f" {name} ", name.title()] * 3
    newcomers = [{"name": each, "password": PASSWORD} for each in spellings]
    registered = statuses(pair, "auth", [("POST", "/register", body) for body in newcomers], token="")
    guesses = [{"name": name, "password": f"not the password {number}"} for number in range(40)]
    guessed = statuses(pair, "auth", [("POST", "/login", body) for body in guesses], token="")
    person = register(pair)
    same, deleted_id = book(), person.add_book()["id"]

    created = at_books(person, [("POST", "/book", same), ("POST", "/books", same)] * 10)
    deleted = at_books(person, [("DELETE", f"/books/{deleted_id}", None)] * 20)
    others = at_books(person, [("POST", "/books", book()) for _ in range(20)])

    assert registered == {201: 1, 409: 11}
    assert guessed.keys() == {401, 429}
    assert guessed[401] <= 10  # by whichever of the four workers
    assert created == {201: 1, 409: 19}
    assert deleted == {200: 1, 404: 19}
    assert others == {201: 20}
    assert len(person.get("/books").json()["list_of_books"]) == 21


def at_books(person: Person, sent: list[Request]) -> Counter[int]:
    return statuses(person.served, "books", sent, token=person.token)
