"""What the other tests ask in process, asked over HTTP: tokens, bodies and addresses, on each service."""

import pytest

from tests import served
from tests.common.routes import ROUTES, Route, anonymous, name_of
from tests.common.wire import send
from tests.contract.test_tokens import refused_by_mistake, wrongly_refused
from tests.pair import SERVICES
from tests.people import Person, assert_problem, complaints
from tests.served import ServedPair

pair = served.pair  # its servers are what is tested
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")
LARGE = b"{}".ljust(70_000)


@pytest.mark.parametrize(("service", "path"), [("auth", "/me"), ("books", "/books")])
def test_the_corpus_of_tokens_is_answered_as_in_process(person: Person, service: str, path: str) -> None:
    assert refused_by_mistake(person, service, path) == {}
    assert wrongly_refused(person, service, path, "bad") == {}
    assert wrongly_refused(person, service, path, "missing") == {}


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_refused_as_in_process(person: Person, route: Route, chunked: bool) -> None:
    for body, kind, status in [
        (LARGE, "application/json", 413),
        (b"{}", "text/plain", 415),
        (b'{"x":"\xff"}', "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
    ]:
        sent = iter([body[:1], body[1:]]) if chunked else body
        assert_problem(anonymous(route, person, sent, Content_Type=kind), status)
    assert complaints(anonymous(route, person, b'{"a/b":1}', Content_Type="application/json"))


@pytest.mark.parametrize("service", SERVICES)
def test_an_address_is_refused_as_in_process(pair: ServedPair, service: str) -> None:
    for path in ["/nowhere", "//healthz", "/healthz/", "/healthz%2f", "/%ff", "/docs/..%2f__init__.py"]:
        assert_problem(send(pair, service, f"GET {path}"), 404)
    assert_problem(send(pair, service, "BREW /healthz"), 405)
    assert send(pair, service, "HEAD /healthz").content == b""
