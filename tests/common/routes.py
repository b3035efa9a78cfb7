"""What the tests of both services ask for: a route that takes a body, and one that has none."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from tests import api
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
    Route("auth", "/refresh", "refresh_token"),
    Route("auth", "/logout", "refresh_token"),
    Route("books", "/book", "Author"),
    Route("books", "/books", "Author"),
]


def name_of(value: Any) -> str | None:
    """Name a route in the name of a test."""
    return value.path if isinstance(value, Route) else None


def anonymous(
    route: Route, person: Person, body: bytes | Iterator[bytes], **headers: str
) -> requests.Response:
    """Post to the route: with a token where one is needed, without one where none is looked at."""
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
    if route.service == "books":
        sent["x-access-tokens"] = person.token
    return api.post(person.pair.url(route.service) + route.path, data=body, headers=sent, timeout=30)


def post_json(route: Route, person: Person, body: bytes) -> requests.Response:
    return anonymous(route, person, body, Content_Type="application/json")
