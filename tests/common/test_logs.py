"""The logs: a JSON line a request and one a security event, nothing secret, nothing that breaks a line."""

import base64
import json
from typing import Any

import pytest

from tests import api
from tests.cases import every
from tests.common.log_lines import Log, all_lines, new_id, traced
from tests.common.wire import send
from tests.pair import Pair
from tests.people import PASSWORD, Person, book, new_name

# What is written is decided by no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

REQUEST = {"method", "path", "route", "status", "milliseconds", "public_id"}
REQUEST |= {"event", "level", "time", "service", "request_id", "client"}

# What of a client could break a line, or look like another one.
PATHS = ["%0d%0a", "%E2%80%A8", "%C2%85", "%00", "%1b[31m", "%22%7D%0a%7B%22event%22:%22login%22%7D"]
PATHS += ["%ff%fe", "%ED%A0%80", "%F0%9F%98%80", "%5c%22", "%7f", "%0b%0c%1c%1d%1e", "1" * 3000]
VALUES = [b"x\xe2\x80\xa8y", b"\xff\xfe", b"a\tb", b'"}{"event":"login"}', b"\xc2\x85", b"%0a%s{}"]
HEADERS = [b"User-Agent", b"X-Forwarded-For", b"Referer", b"X-Request-ID", b"Origin", b"Forwarded"]


def events(log: Log, headers: dict[str, str]) -> list[tuple[str, Any]]:
    """Return event and reason of the lines of a request, without the line that every request has."""
    lines = log.of(headers["X-Request-ID"])
    return [(line["event"], line.get("reason")) for line in lines if line["event"] != "request"]


@every(
    "method, path, route, status",
    [
        ("GET", "/books?cursor=x", "/books", 422),
        ("GET", "/books/987654321", "/books/<row:book_id>", 404),
        ("POST", "/book", "/book", 415),
        ("PUT", "/books", None, 405),
        ("OPTIONS", "/books", "/books", 200),
        ("GET", "/", "/", 200),
    ],
)
def test_a_request_writes_one_line_which_says_whose_it_was(
    log: Log, person: Person, method: str, path: str, route: str | None, status: int
) -> None:
    answer = person.request(method, "books", path)

    (line,) = log.of(answer.headers["X-Request-ID"])
    assert line.keys() | {"public_id"} == REQUEST
    assert (line["method"], line["path"], line["status"]) == (method, path.partition("?")[0], status)
    assert line["route"] == route
    assert (line["event"], line["service"], line["client"]) == ("request", "books_service", "127.0.0.1")
    assert line["milliseconds"] >= 0
    is_guarded = route is not None and route.startswith("/book") and method != "OPTIONS"
    assert line.get("public_id") == (person.public_id if is_guarded else None)


def test_a_registration_and_a_login_are_noted(log: Log, pair: Pair) -> None:
    credentials = {"name": new_name(), "password": PASSWORD}
    registering, logging_in = traced(), traced()

    registered = api.post(pair.url("auth") + "/register", json=credentials, headers=registering)
    api.post(pair.url("auth") + "/login", json=credentials, headers=logging_in)

    assert events(log, registering) == [("registered", None)]
    assert events(log, logging_in) == [("login", None)]
    for headers in (registering, logging_in):
        assert log.of(headers["X-Request-ID"])[0]["public_id"] == registered.json()["public_id"]


@every(
    "name, reason",
    [("{}", "wrong_password"), ("nobody {}", "unknown_name"), ("a:b", "unknown_name")],
)
def test_a_failed_login_says_why_in_the_log_alone(log: Log, person: Person, name: str, reason: str) -> None:
    headers = traced()
    body = {"name": name.format(person.name), "password": "wrong"}

    api.post(person.pair.url("auth") + "/login", json=body, headers=headers)

    assert events(log, headers) == [("login_failed", reason)]


@every("token, reason", [("x", "malformed"), ("e30.e30.e30", "algorithm"), ("x" * 5000, "size")])
def test_a_rejected_token_is_noted_with_the_reason(log: Log, pair: Pair, token: str, reason: str) -> None:
    headers = traced(token)

    for service, path in (("auth", "/me"), ("books", "/books")):
        api.get(pair.url(service) + path, headers=headers)

    assert events(log, headers) == [("token_rejected", reason)] * 2


def test_a_403_is_noted(log: Log, person: Person) -> None:
    headers = traced(person.token)

    person.get("/users", "auth", headers=headers)

    assert events(log, headers) == [("forbidden", "not_admin")]


def test_nothing_secret_is_written(log: Log, pair: Pair) -> None:
    secret = "Kz9-very-secret"
    credentials = {"name": new_name(), "password": secret}
    auth, books = pair.url("auth"), pair.url("books")

    token = api.post(f"{auth}/register", json=credentials).json()["token"]
    api.post(f"{auth}/login", auth=(credentials["name"], secret))
    api.post(f"{auth}/login", auth=(secret, "wrong"))
    api.post(f"{auth}/login", json={"name": secret, "password": secret, secret: secret})
    api.post(f"{auth}/login", data=f'{{"password": "{secret}')
    api.get(f"{books}/books?token={token}&password={secret}")
    api.get(f"{books}/books", headers={"Authorization": f"Bearer {token}{secret}"})
    api.get(f"{books}/books", headers={"x-access-tokens": token, "User-Agent": secret})
    api.get(f"{books}/books", headers={"Cookie": f"token={token}", "Referer": secret})
    for body in (book(name=secret, price=secret), book(name=secret), book(name=secret)):
        api.post(f"{books}/books", json=body, headers={"x-access-tokens": token})

    basic = base64.b64encode(f"{credentials['name']}:{secret}".encode()).decode()
    keys = [jwk["k"] for jwk in json.loads((pair.folder / "keys.json").read_text())["keys"]]
    assert len(all_lines(log.text)) >= 12
    for part in (secret, token, token.split(".")[2], basic, "argon2", *keys):
        assert part not in log.text


@every("text", PATHS)
def test_a_path_cannot_break_a_line_and_is_cut(log: Log, pair: Pair, text: str) -> None:
    send(pair, "books", f"GET /books/1{text}", [f"X-Request-ID: {(request_id := new_id())}"])

    *_, line = log.of(request_id)
    assert line["event"] == "request"
    assert line["path"].startswith("/books/1")
    assert len(line["path"]) < 300


@every("value", VALUES)
@every("name", HEADERS)
def test_a_header_cannot_break_a_line_or_change_it(log: Log, pair: Pair, name: bytes, value: bytes) -> None:
    answer = send(pair, "books", "GET /nowhere", [name + b": " + value])

    (line,) = log.of(answer.headers["X-Request-ID"])
    assert (line["event"], line["client"]) == ("request", "127.0.0.1")
