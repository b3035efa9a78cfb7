"""The clients of the tests: somebody with an account, and the shape that every error must have."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import requests

from tests import api
from tests.api import new_session
from tests.pair import Pair
from tests.served import ServedPair

PASSWORD = "the moon is made of paper"
EVERY_PROBLEM = {"type", "title", "status", "code", "detail", "message"}


@dataclass
class Person:
    """Somebody registered, with a token."""

    pair: Pair
    name: str
    public_id: str
    token: str
    password: str = PASSWORD
    refresh_token: str = ""
    session: requests.Session = field(default_factory=new_session)

    @property
    def served(self) -> ServedPair:
        """Return the pair, in a test that has servers."""
        assert isinstance(self.pair, ServedPair)
        return self.pair

    def request(self, method: str, service: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the token, unless `headers` say otherwise."""
        options.setdefault("headers", {"Authorization": f"Bearer {self.token}"})
        return self.session.request(method, self.pair.url(service) + path, timeout=30, **options)

    def with_token(self, **headers: str) -> dict[str, str]:
        """Return headers with the token beside these, `If_Match` meaning `If-Match`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {self.token}"} | named

    def get(self, path: str, service: str = "books", **options: Any) -> requests.Response:
        return self.request("GET", service, path, **options)

    def post(self, path: str, json: object, service: str = "books", **options: Any) -> requests.Response:
        return self.request("POST", service, path, json=json, **options)

    def put(self, path: str, json: object, service: str = "books", **options: Any) -> requests.Response:
        return self.request("PUT", service, path, json=json, **options)

    def patch(self, path: str, json: object, service: str = "books", **options: Any) -> requests.Response:
        return self.request("PATCH", service, path, json=json, **options)

    def delete(self, path: str, service: str = "books", **options: Any) -> requests.Response:
        return self.request("DELETE", service, path, **options)

    def add_book(self, **members: Any) -> dict[str, Any]:
        """Put a book on the shelf and return it."""
        answer = self.post("/books", book(**members))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["book"]
        return made


def book(**members: Any) -> dict[str, Any]:
    """Return the body of a new book, unlike any other unless `members` say so."""
    return {
        "name": f"Book {secrets.token_hex(6)}",
        "Author": "Ann",
        "Publisher": "Press",
        "book_prize": 12,
    } | members


def new_name() -> str:
    return f"user {secrets.token_hex(8)}"


def register(pair: Pair, name: str | None = None) -> Person:
    """Register somebody, or fail."""
    name = name or new_name()
    answer = api.post(pair.url("auth") + "/register", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return Person(pair, name, body["public_id"], body["token"], refresh_token=body["refresh_token"])


def register_admin(pair: Pair) -> Person:
    """Register somebody and make them an admin, as an operator does."""
    person = register(pair)
    pair.run("auth", "users", "promote", person.name)
    return person


def assert_problem(response: requests.Response, status: int, message: str | None = None) -> dict[str, Any]:
    """Fail unless the answer is a problem document (RFC 9457) with this status; return it."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    problem: dict[str, Any] = response.json()
    extra = {"errors", "error_count"} if status == 422 else set()
    assert set(problem) == EVERY_PROBLEM | extra
    assert problem["status"] == status
    assert problem["type"] == f"urn:bookstore:problem:{problem['code']}"
    assert message is None or problem["message"] == message
    return problem


def complaints(response: requests.Response) -> list[str]:
    """Return the pointers, parameters and headers that a 422 complains about, in order."""
    found = assert_problem(response, 422)["errors"]
    return [error.get("pointer", error.get("parameter", error.get("header"))) for error in found]
