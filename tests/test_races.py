"""What many do at once: the database lets one win, and the others are told so."""

from collections import Counter

import pytest
import requests

from tests.at_once import Ask, at_once
from tests.people import PASSWORD, Person, book, new_name, register
from tests.served import ServedPair


@pytest.fixture
def four_workers(own_served_pair: ServedPair) -> ServedPair:
    """Return both services, with four workers each."""
    own_served_pair.environment["WEB_CONCURRENCY"] = "4"
    return own_served_pair.start()


def statuses(count: int, url: str, ask: Ask) -> Counter[int]:
    """Ask `count` times at once; return how often each status came."""
    return Counter(answer.status_code for answer in at_once(count, url, ask))


def test_whatever_many_do_at_once_one_wins(four_workers: ServedPair) -> None:
    """One test for all of it, because four workers take some seconds to start."""
    registered = same_name_at_once(four_workers)
    person = register(four_workers)
    created = same_book_at_once(person)
    deleted = same_deletion_at_once(person)
    others = different_books_at_once(person)

    assert registered == {201: 1, 409: 11}
    assert created == {201: 1, 409: 19}
    assert deleted == {200: 1, 404: 19}
    assert others == {201: 20}
    assert len(person.get("/books").json()["list_of_books"]) == 21


def same_name_at_once(pair: ServedPair) -> Counter[int]:
    """Register twelve people of one name, spelled in several ways."""
    name = new_name()
    names = [name, name.upper(), f" {name} ", name.title()] * 3

    def ask(session: requests.Session, number: int) -> requests.Response:
        body = {"name": names[number], "password": PASSWORD}
        return session.post(pair.url("auth") + "/register", json=body, timeout=30)

    return statuses(12, pair.url("auth"), ask)


def same_book_at_once(person: Person) -> Counter[int]:
    """Put one book on one shelf twenty times, at both addresses."""
    sent = book()

    def ask(session: requests.Session, number: int) -> requests.Response:
        url = person.pair.url("books") + ("/book", "/books")[number % 2]
        return session.post(url, json=sent, headers={"x-access-tokens": person.token}, timeout=30)

    return statuses(20, person.pair.url("books"), ask)


def same_deletion_at_once(person: Person) -> Counter[int]:
    """Take one book off the shelf twenty times."""
    url = f"{person.pair.url('books')}/books/{person.add_book()['id']}"

    def ask(session: requests.Session, _: int) -> requests.Response:
        return session.delete(url, headers={"x-access-tokens": person.token}, timeout=30)

    return statuses(20, person.pair.url("books"), ask)


def different_books_at_once(person: Person) -> Counter[int]:
    """Put twenty books on one shelf."""

    def ask(session: requests.Session, _: int) -> requests.Response:
        url = person.pair.url("books") + "/books"
        return session.post(url, json=book(), headers={"x-access-tokens": person.token}, timeout=30)

    return statuses(20, person.pair.url("books"), ask)
