"""What the other tests ask in process, asked over HTTP: tokens, bodies and addresses, on each service."""

import pytest

from tests import served
from tests.cases import every
from tests.common.routes import ROUTES, Route, anonymous
from tests.common.wire import send
from tests.contract.test_tokens import refused_by_mistake, wrongly_refused
from tests.pair import SERVICES
from tests.people import Person, assert_problem
from tests.served import ServedPair

pair = served.pair  # its servers are what is tested
# The database that tests/common has servers on, too.
pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")
LARGE = b"{}".ljust(70_000)


@pytest.mark.parametrize(("service", "path"), [("auth", "/me"), ("books", "/books")])
def test_the_corpus_of_tokens_is_answered_as_in_process(person: Person, service: str, path: str) -> None:
    assert refused_by_mistake(person, service, path) == {}
    assert wrongly_refused(person, service, path, "bad") == {}
    assert wrongly_refused(person, service, path, "missing") == {}


@every("route", ROUTES)
@every("chunked", [False, True])
def test_a_body_is_refused_as_in_process(person: Person, route: Route, chunked: bool) -> None:
    for body, kind, status in [
        (LARGE, "application/json", 413),
        (b"{}", "text/plain", 415),
        (b'{"x":"\xff"}', "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"a/b":1}', "application/json", 422),
    ]:
        sent = iter([body[:1], body[1:]]) if chunked else body
        assert_problem(anonymous(route, person, sent, Content_Type=kind), status)


@every("service", SERVICES)
@every("path", ["/nowhere", "//healthz", "/healthz/", "/healthz%2f", "/%ff", "/docs/..%2f__init__.py"])
def test_an_address_is_refused_as_in_process(pair: ServedPair, service: str, path: str) -> None:
    assert_problem(send(pair, service, f"GET {path}"), 404)


@pytest.mark.parametrize(("service", "path"), [("auth", "/register"), ("books", "/books")])
def test_a_connection_outlives_a_body_that_was_too_long(person: Person, service: str, path: str) -> None:
    """One that is refused unread would be closed, and its client might never see why."""
    for _ in range(10):
        assert_problem(person.request("POST", service, path, data=bytes(2_000_000)), 413)
