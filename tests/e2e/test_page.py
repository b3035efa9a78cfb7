"""nginx's third port: the page, and below it both services, by the rules of their own ports."""

import pytest
import requests

from tests import api
from tests.books.files import HEADER
from tests.cases import every
from tests.e2e.nginx import problem_for
from tests.e2e.stack import Stack
from tests.pair import SERVICES
from tests.people import assert_problem
from tests.waiting import TIME
from tools.page import HEADERS

pytestmark = pytest.mark.compose

ROWS = 5_000  # of an import, which is larger than another body may be
KINDS = {
    "/": "text/html",
    "/app.js": "application/javascript",
    "/style.css": "text/css",
    "/icon.svg": "image/svg+xml",
}


@every("path, kind", list(KINDS.items()))
def test_a_file_of_the_page_has_its_policy_and_is_asked_for_with_its_etag(
    stack: Stack, path: str, kind: str
) -> None:
    answer = api.get(stack.url("page") + path)
    again = api.get(stack.url("page") + path, headers={"If-None-Match": answer.headers["ETag"]})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["Cache-Control"] == "no-cache"
    assert again.status_code == 304
    for headers in (answer.headers, again.headers):
        assert {name: headers[name] for name in HEADERS} == HEADERS


@every(
    "request_line, status",
    [
        (b"GET /nothing HTTP/1.1", 404),
        (b"GET /auth HTTP/1.1", 404),
        (b"POST / HTTP/1.1", 404),
        (b"TRACE / HTTP/1.1", 405),
        (b"GET /.problem HTTP/1.1", 404),
        (b"GET /.page/app.js HTTP/1.1", 404),
        (b"GET /auth/.problem HTTP/1.1", 404),
        (b"GET /books/.token HTTP/1.1", 404),
        (b"POST /books/.import HTTP/1.1", 404),
        (b"GET /auth/../books/books HTTP/1.1", 404),
    ],
)
def test_what_is_no_file_of_it_is_a_problem_document(stack: Stack, request_line: bytes, status: int) -> None:
    request = request_line + b"\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

    assert problem_for(stack.ports["page"], request)["status"] == status


@every("service", SERVICES)
def test_a_service_knows_the_path_that_it_is_below(stack: Stack, service: str) -> None:
    below = f"{stack.url('page')}/{service}"

    assert api.get(f"{below}/openapi.json").json()["servers"] == [{"url": f"/{service}"}]
    assert api.get(f"{below}/docs/swagger-ui-bundle.js").status_code == 200


def test_imports_and_exports_have_the_rules_that_they_have_elsewhere(stack: Stack) -> None:
    person, address = stack.register(), f"{stack.url('page')}/books/books"
    lines = HEADER + "".join(f"Book {number},Ann,Press,\n" for number in range(ROWS))

    def send(body: str | bytes, query: str = "", **headers: str) -> requests.Response:
        headers |= {"Content-Type": "text/csv"}
        return api.post(f"{address}/import{query}", data=body, headers=headers, timeout=TIME)

    bearer = {"Authorization": f"Bearer {person.token}"}
    refused, too_large = send(lines), send(b" " * 20_000_000, **bearer)

    assert assert_problem(refused, 401)["code"] == "token-missing"
    assert refused.headers["Server"] == "nginx"  # it asked books, and took no body
    assert_problem(too_large, 413, "the body is too large")
    for query in ("?dry_run=1", ""):
        assert send(lines, query, **bearer).json() == {"created": ROWS, "skipped": 0}
    assert api.get(f"{address}/export", headers=bearer, timeout=TIME).text.count("\n") == ROWS + 1
