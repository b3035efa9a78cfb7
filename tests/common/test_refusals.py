"""The order in which a request that is wrong in several ways is refused."""

import pytest

from tests import api
from tests.auth.users import NOBODY
from tests.cases import every
from tests.common import openapi
from tests.pair import SERVICES
from tests.people import Person, assert_problem, book

# The order is that of the code, whatever the database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

LARGE = b"x" * 70_000
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


@every("body, kind, status", WRONG)
def test_then_the_token_size_type_syntax_and_rules(
    reader: Person, body: bytes, kind: str, status: int
) -> None:
    for token, expected in ("x", 401), (reader.token, status):
        headers = {"x-access-tokens": token, "Content-Type": kind}
        assert_problem(reader.request("POST", "books", "/books", data=body, headers=headers), expected)


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
