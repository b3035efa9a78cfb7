"""The order in which a request that is wrong in several ways is refused."""

import pytest

from tests import api
from tests.cases import every
from tests.common.routes import ROUTES, Route
from tests.people import Person, assert_problem, book, register
from tests.served import ServedPair

LARGE = b"x" * 70_000
GUARDED = [route for route in ROUTES if route.service == "books"]


@pytest.mark.parametrize("service", ["auth", "books"])
def test_404_and_405_come_first(reader: Person, service: str) -> None:
    url = reader.pair.url(service)

    assert_problem(api.post(f"{url}/nowhere?x=1", data=LARGE, timeout=30), 404)
    assert_problem(api.put(f"{url}/?x=1", data=LARGE, timeout=30), 405)


@every("route", GUARDED)
@every("body", [LARGE, b"x", b"{}"])
@every("kind", ["application/json", "text/plain"])
def test_then_the_token(route: Route, reader: Person, body: bytes, kind: str) -> None:
    answer = route.post(reader, body, Authorization="Bearer x", Content_Type=kind)

    assert_problem(answer, 401, "token is invalid")


def test_then_the_role(reader: Person) -> None:
    assert_problem(reader.get("/users?limit=0&x=1", "auth", data=LARGE), 403)


@every("route", GUARDED)
def test_then_size_type_syntax_and_rules(route: Route, reader: Person) -> None:
    for body, kind, status in [
        (LARGE, "text/plain", 413),
        (b"x", "text/plain", 415),
        (b"x", "application/json", 400),
        (b"{}", "application/json", 422),
    ]:
        assert_problem(route.post(reader, body, Content_Type=kind), status)


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
@pytest.mark.parametrize(("service", "path"), [("auth", "/register"), ("books", "/books")])
def test_a_connection_outlives_a_body_that_was_too_long(
    own_served_pair: ServedPair, service: str, path: str
) -> None:
    """One that is refused unread would be closed, and its client might never see why."""
    person = register(own_served_pair.start())
    for _ in range(20):
        assert_problem(person.request("POST", service, path, data=bytes(2_000_000)), 413)
