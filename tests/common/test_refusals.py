"""The order in which a request that is wrong in several ways is refused."""

import pytest

from tests import api
from tests.auth.users import NOBODY
from tests.cases import every
from tests.common import openapi
from tests.common.routes import ROUTES, Route, anonymous
from tests.pair import SERVICES
from tests.people import Person, assert_problem, book, register
from tests.served import ServedPair

LARGE = b"x" * 70_000
every_guarded_route = every("route", [route for route in ROUTES if route.service == "books"])
OTHERWISE = {"post /login", "post /refresh", "delete /me"}  # what they are shown is no access token
GUARDED = [
    (service, route)
    for service, routes in openapi.ROUTES.items()
    for route in routes.keys() - OTHERWISE
    if "401" in routes[route]
]
WRONG = [
    (LARGE, "text/plain", 413),
    (b"x", "text/plain", 415),
    (b"x", "application/json", 400),
    (b"{}", "application/json", 422),
]


@every("service", SERVICES)
def test_404_and_405_come_first(reader: Person, service: str) -> None:
    url = reader.pair.url(service)

    assert_problem(api.post(f"{url}/nowhere?x=1", data=LARGE), 404)
    assert_problem(api.put(f"{url}/?x=1", data=LARGE), 405)


@every("service, route", GUARDED)
def test_then_a_token_that_is_missing(reader: Person, service: str, route: str) -> None:
    method, path = route.format(book_id=1, public_id=NOBODY, session_id=NOBODY).split()

    answer = reader.request(method.upper(), service, f"{path}?x=1", headers={}, data=LARGE)

    assert_problem(answer, 401, "a valid token is missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookstore"'


@every_guarded_route
@every("body, kind, status", WRONG)
def test_then_the_token_size_type_syntax_and_rules(
    route: Route, reader: Person, body: bytes, kind: str, status: int
) -> None:
    without = anonymous(route, reader, body, x_access_tokens="x", Content_Type=kind)

    assert_problem(without, 401, "token is invalid")
    assert_problem(anonymous(route, reader, body, Content_Type=kind), status)


def test_the_role_comes_before_the_rules(reader: Person) -> None:
    assert_problem(reader.get("/users?limit=0&x=1", "auth", data=LARGE), 403)


@every("method", ["GET", "DELETE"])
def test_rules_come_before_a_resource_that_is_not_there(reader: Person, method: str) -> None:
    assert_problem(reader.request(method, "books", f"/books/{2**63 - 1}?x=1"), 422)
    assert_problem(reader.request(method, "books", f"/books/{2**63 - 1}"), 404, "book does not exist")


def test_rules_come_before_a_conflict(person: Person) -> None:
    sent = book()
    person.add_book(**sent)

    assert_problem(person.post("/books?x=1", sent), 422)
    assert_problem(person.post("/books", sent), 409)


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_a_connection_outlives_a_body_that_was_too_long(own_served_pair: ServedPair) -> None:
    """One that is refused unread would be closed, and its client might never see why."""
    person = register(own_served_pair.start())
    for service, path in [("auth", "/register"), ("books", "/books")] * 20:
        assert_problem(person.request("POST", service, path, data=bytes(2_000_000)), 413)
