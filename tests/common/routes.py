"""What the tests of both services ask for: a route that takes a body, and one that has none."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.people import Person

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Route:
    """A route of a service that takes a JSON body, and a member of it that has to be a string."""

    service: str
    path: str
    text: str

    def post(self, person: Person, body: bytes | None, **headers: str) -> requests.Response:
        """Send `body` as it is, as JSON unless `headers` (with _ for -) say otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = JSON | {"Authorization": f"Bearer {person.token}"} | named
        return person.request("POST", self.service, self.path, data=body, headers=sent)


ROUTES = [
    Route("auth", "/register", "name"),
    Route("auth", "/login", "name"),
    Route("books", "/book", "Author"),
    Route("books", "/books", "Author"),
]


def name_of(value: Any) -> str | None:
    """Name a route in the name of a test."""
    return value.path if isinstance(value, Route) else None
