"""The routes of both services that take a JSON body, and how tests send them one."""

from collections.abc import Iterator
from dataclasses import dataclass

import requests

from tests import api
from tests.people import Person


@dataclass(frozen=True)
class Route:
    """A route of a service that takes a JSON body, and a member of it that has to be a string."""

    service: str
    path: str
    text: str


ROUTES = [
    Route("auth", "/register", "name"),
    Route("auth", "/login", "name"),
    Route("auth", "/refresh", "refresh_token"),
    Route("auth", "/logout", "refresh_token"),
    Route("books", "/book", "Author"),
    Route("books", "/books", "Author"),
]


def anonymous(
    route: Route, person: Person, body: bytes | Iterator[bytes], query: str = "", **headers: str
) -> requests.Response:
    """Post to the route: with a token where one is needed, without one where none is looked at."""
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
    if route.service == "books":
        sent.setdefault("x-access-tokens", person.token)
    url = person.pair.url(route.service) + route.path + query
    return api.post(url, data=body, headers=sent)
