"""A user with an account, over a connection that stays open."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

PASSWORD = "the moon is made of paper"  # noqa: S105 - made up
TIMEOUT = 60  # seconds for an answer

Url = Callable[[str], str]  # of a service by its name


def new_session() -> requests.Session:
    """Return a client that does not look for proxies before each request."""
    session = requests.Session()
    session.trust_env = False
    return session


@dataclass
class Person:
    """A registered user, with tokens."""

    url: Url
    name: str
    public_id: str
    token: str
    refresh_token: str
    session: requests.Session = field(default_factory=new_session)

    @property
    def bearer(self) -> str:
        """Return the header `Authorization` of the person's requests."""
        return f"Bearer {self.token}"

    def request(self, method: str, service: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the token and return its answer, which is no error."""
        headers = {"Authorization": self.bearer}
        answer = self.session.request(
            method, self.url(service) + path, headers=headers, timeout=TIMEOUT, **options
        )
        answer.raise_for_status()
        return answer

    def get(self, path: str, service: str = "books", **options: Any) -> requests.Response:
        return self.request("GET", service, path, **options)

    def add_book(self) -> int:
        """Put a book on the shelf and return its id."""
        added: int = self.request("POST", "books", "/books", json=book()).json()["book"]["id"]
        return added


def book(name: str = "") -> dict[str, Any]:
    """Return the body of a new book, unlike any other unless it has a name."""
    name = name or f"Book {secrets.token_hex(6)}"
    return {"name": name, "Author": "Ann", "Publisher": "Press", "book_prize": 12}


def new_name() -> str:
    return f"user {secrets.token_hex(8)}"


def register(url: Url) -> Person:
    """Register a new user."""
    credentials = {"name": new_name(), "password": PASSWORD}
    answer = requests.post(f"{url('auth')}/register", json=credentials, timeout=TIMEOUT)
    answer.raise_for_status()
    account = answer.json()
    return Person(url, credentials["name"], account["public_id"], account["token"], account["refresh_token"])
