"""Addresses: each has one spelling, nothing redirects, and the paths of other things lead nowhere."""

import pytest

from tests.cases import every
from tests.common.wire import send
from tests.pair import SERVICES
from tests.people import Person, assert_problem

# An address is looked up in no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

NOWHERE = "there is nothing at this address"
KNOWN = [("auth", path) for path in ("/me", "/users", "/healthz", "/openapi.json", "/docs", "/readyz")]
KNOWN += [("books", path) for path in ("/books", "/healthz", "/docs")]


@every("service, path", KNOWN)
@every(
    "spelling",
    ["{}/", "/{}", "/.{}", "/..{}", "{}/.", "{}/..", "{}%2f", "/%2f{}", "{}%00", "{}%0a", "{}%20", "{};x"]
    + ["{}.json", "{}%ff", "{}*", "/%2e%2e{}", "/x/..{}"],
)
def test_another_spelling_of_a_path_is_404(reader: Person, service: str, path: str, spelling: str) -> None:
    headers = [f"Authorization: Bearer {reader.token}"]

    answer = send(reader.pair, service, f"GET {spelling.format(path)}", headers)

    assert_problem(answer, 404, NOWHERE)


@every("service, path", KNOWN)
def test_paths_have_a_case(reader: Person, service: str, path: str) -> None:
    assert_problem(reader.get(path.upper(), service), 404, NOWHERE)


@every("service", SERVICES)
@every(
    "path",
    ["/metrics", "/static/x", "/docs/favicon.ico", "/.env", "/.git/config", "/console", "/docs/index.html"]
    + ["/docs/", "/docs/..%2f__init__.py", "/docs/%2e%2e/__init__.py", "/docs/../docs", "/docs/%00"]
    + ["/docs/.", "/docs/%2fetc%2fpasswd", "/docs/" + "x" * 300, "/docs/swagger-ui.css/x", "/*", "/%ff"]
    + ["/" + "x" * 3000, "/%E2%80%A8", "/%0d%0aSet-Cookie:%20x=1", "/{}", "/%s%n", "/x?/healthz"],
)
def test_there_is_nothing_else(reader: Person, service: str, path: str) -> None:
    answer = send(reader.pair, service, f"GET {path}", [f"Authorization: Bearer {reader.token}"])

    assert_problem(answer, 404, NOWHERE)
    assert not {"Set-Cookie", "Location"} & answer.headers.keys()


@every("service", SERVICES)
def test_a_running_service_is_healthy_and_ready(reader: Person, service: str) -> None:
    ready = reader.get("/readyz", service, headers={})

    assert reader.get("/healthz", service, headers={}).json() == {"status": "ok"}
    assert ready.status_code == 200
    checks = ready.json()["checks"]
    has_heard = checks.pop("feed", "ok")  # without a follower it is degraded after half a minute
    assert isinstance(checks.pop("feed_age", 0.0), float)
    assert ready.json()["status"] == has_heard
    assert checks == {"database": "ok", "schema": "ok", "keys": "ok"}
