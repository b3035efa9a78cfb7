"""nginx's third port: the page, and below it both services, by the rules of their own ports."""

from typing import cast

import pytest

from tests import api
from tests.books.files import HEADER
from tests.cases import every
from tests.e2e.nginx import problem_for
from tests.e2e.stack import Stack
from tests.pair import SERVICES, Pair
from tests.people import Person, assert_problem, book, register
from tools.page import HEADERS

pytestmark = pytest.mark.compose

ROWS = 5_000  # of an import, which is larger than another body may be
KINDS = {
    "/": "text/html",
    "/app.js": "application/javascript",
    "/style.css": "text/css",
    "/icon.svg": "image/svg+xml",
}


class BehindPage:
    """All that a person needs of a pair: where its services are below the page."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def url(self, service: str) -> str:
        return f"{self.stack.url('page')}/{service}"


@pytest.fixture
def person(stack: Stack) -> Person:
    """Somebody registered by the page's port, and asking there."""
    return register(cast(Pair, BehindPage(stack)))


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
    below = BehindPage(stack).url(service)

    assert api.get(f"{below}/openapi.json").json()["servers"] == [{"url": f"/{service}"}]
    assert f'src="/{service}/docs/' in api.get(f"{below}/docs").text
    assert api.get(f"{below}/docs/swagger-ui-bundle.js").status_code == 200


def test_a_shelf_is_kept_below_the_page_and_addresses_have_its_prefix(person: Person) -> None:
    answers = [person.post("/books", book()) for _ in range(2)]
    page = person.get("/books?limit=1")

    assert answers[0].headers["Location"] == f"/books/books/{answers[0].json()['book']['id']}"
    assert page.headers["Link"].startswith("</books/books?limit=1&cursor=")


def test_imports_and_exports_have_the_rules_that_they_have_elsewhere(person: Person) -> None:
    lines = HEADER + "".join(f"Book {number},Ann,Press,\n" for number in range(ROWS))
    headers = person.with_token(Content_Type="text/csv")

    refused = person.request(
        "POST", "books", "/books/import", data=lines, headers={"Content-Type": "text/csv"}
    )
    tried = person.request("POST", "books", "/books/import?dry_run=1", data=lines, headers=headers)
    done = person.request("POST", "books", "/books/import", data=lines, headers=headers)
    too_large = person.request("POST", "books", "/books/import", data=b" " * 20_000_000, headers=headers)

    assert assert_problem(refused, 401)["code"] == "token-missing"
    assert refused.headers["Server"] == "nginx"  # it asked books, and took no body
    assert tried.json() == done.json() == {"created": ROWS, "skipped": 0}
    assert_problem(too_large, 413, "the body is too large")
    assert person.get("/books/export").text.count("\n") == ROWS + 1
