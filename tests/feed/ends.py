"""How people end their sessions, or themselves, and whether books has heard of it."""

import base64
import json

import requests

from tests import api
from tests.people import Person, assert_problem


def session_of(person: Person) -> str:
    payload = person.token.split(".")[1]
    session: str = json.loads(base64.urlsafe_b64decode(payload + "=="))["sid"]
    return session


def refused_everywhere(person: Person) -> bool:
    """Tell whether books refuses the token, whichever worker answers."""
    return all(is_refused(person) for _ in range(8))


def is_refused(person: Person) -> bool:
    answer = ask(person)
    if answer.status_code != 200:
        assert_problem(answer, 401, "token is invalid")
    return answer.status_code == 401


def ask(person: Person) -> requests.Response:
    """Ask over a new connection, so that any worker may answer."""
    headers = {"x-access-tokens": person.token}
    return api.get(person.pair.url("books") + "/books", headers=headers)


def log_out(person: Person) -> None:
    body = {"refresh_token": person.refresh_token}
    answer = api.post(person.pair.url("auth") + "/logout", json=body)
    assert answer.status_code == 200, answer.text


def disable(person: Person) -> None:
    person.pair.run("auth", "users", "disable", person.name)


def leave(person: Person) -> None:
    credentials = (person.name, person.password)
    answer = api.delete(person.pair.url("auth") + "/me", auth=credentials)
    assert answer.status_code == 204, answer.text
