"""What every answer has, errors included: the common headers, one spelling of its address, no redirect."""

import re
from typing import Any

import pytest

from tests import api
from tests.cases import every
from tests.common.wire import send
from tests.pair import SERVICES, Pair
from tests.people import Person, assert_problem, book

# What stands around an answer, and where it is, is decided by no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

NEW_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SOFTWARE = re.compile(r"gunicorn|werkzeug|flask|python|sqlite|postgres", re.IGNORECASE)
NO_TOKEN: dict[str, Any] = {"headers": {}}
# Every kind of answer there is: service, method, path, options of requests.
ANSWERS: list[tuple[str, str, str, dict[str, Any]]] = [
    *(("auth", "GET", path, {}) for path in ("/", "/healthz", "/readyz", "/openapi.json", "/docs")),
    *(("auth", "GET", path, {}) for path in ("/docs/swagger-ui.css", "/favicon.ico", "/me", "/users")),
    ("books", "GET", "/", {"headers": {"Accept": "text/html"}}),
    ("auth", "POST", "/login", NO_TOKEN),
    ("auth", "POST", "/register", {"data": b"x"}),
    *(("books", "GET", path, {}) for path in ("/books", "/books?x=1", "/books/1", "/nowhere", "/books/")),
    ("books", "GET", "/books", NO_TOKEN),
    ("books", "POST", "/books", {"json": {}}),
    ("books", "POST", "/books", {"json": book()}),
    ("books", "POST", "/books", {"data": b"x" * 70_000}),
    ("books", "PUT", "/", {}),
    ("books", "OPTIONS", "/books", NO_TOKEN),
    ("books", "HEAD", "/books", {}),
    ("books", "TRACE", "/books", {}),
]


@every("service, method, path, options", ANSWERS)
def test_every_answer_has_the_common_headers_and_repeats_the_request_id_of_the_client(
    person: Person, service: str, method: str, path: str, options: dict[str, Any]
) -> None:
    headers = options.get("headers", {"x-access-tokens": person.token}) | {"X-Request-ID": "Mine.1_2-3"}

    answer = person.request(method, service, path, allow_redirects=False, **options | {"headers": headers})

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-ID"] == "Mine.1_2-3"
    assert not SOFTWARE.search(str(answer.headers))
    assert not {"Set-Cookie", "Access-Control-Allow-Origin"} & answer.headers.keys()
    assert not answer.is_redirect
    is_public = path.startswith(("/docs", "/openapi", "/favicon"))
    assert is_public or answer.headers["Cache-Control"] == "no-store"
    assert "Content-Length" in answer.headers


KEPT = ["a", "0", ".", "-", "a" * 128, "A.b_c-9", "Root=1-67891233-abcdef;Sampled=1", "|a:b/c+d@e="]
REPLACED = ["", "a" * 129, "a b", "a,b", "<a>", "é", "a\tb", "\xff", "a\\b", "a%b", "{a}", '"a"']


@every("sent, is_kept", [(sent, True) for sent in KEPT] + [(sent, False) for sent in REPLACED])
def test_a_request_id_of_the_right_form_is_kept_and_another_replaced(
    pair: Pair, sent: str, is_kept: bool
) -> None:
    answer = send(pair, "books", "GET /healthz", [b"X-Request-ID: " + sent.encode("latin-1")])

    assert answer.status_code == 200
    assert (answer.headers["X-Request-ID"] == sent) == is_kept
    assert is_kept or NEW_ID.fullmatch(answer.headers["X-Request-ID"])


def test_each_request_has_an_id_of_its_own_and_two_are_none(pair: Pair) -> None:
    answers = [api.get(pair.url("auth") + "/healthz") for _ in range(5)]
    answers.append(send(pair, "books", "GET /healthz", ["X-Request-ID: a", "X-Request-ID: b"]))

    assert len({answer.headers["X-Request-ID"] for answer in answers} - {"a", "b"}) == 6


@every("path", ["/", "/healthz", "/readyz", "/books", "/books?limit=1", "/openapi.json", "/nowhere"])
def test_head_is_get_without_the_body(person: Person, path: str) -> None:
    get, head = person.get(path), person.request("HEAD", "books", path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


@every(
    "service, path, methods",
    [("auth", path, "OPTIONS, POST") for path in ("/register", "/login")]
    + [("books", path, "OPTIONS, POST") for path in ("/book", "/books/import")]
    + [("books", path, "GET, HEAD, OPTIONS") for path in ("/", "/books/export", "/openapi.json", "/docs")]
    + [("auth", "/users", "GET, HEAD, OPTIONS, POST")],
)
@every("method", ["TRACE", "CONNECT", "BREW", "PUT"])
def test_405_and_options_name_the_methods(
    pair: Pair, service: str, path: str, methods: str, method: str
) -> None:
    refused, asked = (send(pair, service, f"{each} {path}") for each in (method, "OPTIONS"))

    assert_problem(refused, 405)
    assert asked.status_code in (200, 204)
    assert refused.headers["Allow"] == asked.headers["Allow"] == methods


def test_trailers_of_a_chunked_body_are_no_headers(person: Person) -> None:
    body = b"2\r\n{}\r\n0\r\nx-access-tokens: %s\r\n\r\n" % person.token.encode()
    headers = ["Content-Type: application/json", "Transfer-Encoding: chunked", "Trailer: x-access-tokens"]

    assert_problem(send(person.pair, "books", "POST /books", headers, body), 401)


KNOWN = [("auth", path) for path in ("/me", "/users", "/healthz", "/openapi.json", "/docs", "/readyz")]
KNOWN += [("books", path) for path in ("/books", "/healthz", "/docs")]
SPELLINGS = ["{}/", "/{}", "/.{}", "/..{}", "{}/.", "{}/..", "{}%2f", "/%2f{}", "{}%00", "{}%0a", "{}%20"]
SPELLINGS += ["{};x", "{}.json", "{}%ff", "{}*", "/%2e%2e{}", "/x/..{}"]
NOTHING = ["/metrics", "/static/x", "/docs/favicon.ico", "/.env", "/.git/config", "/console", "/ME", "/Books"]
NOTHING += [
    "/docs/index.html",
    "/docs/",
    "/docs/..%2f__init__.py",
    "/docs/%2e%2e/__init__.py",
    "/docs/../docs",
]
NOTHING += ["/docs/%00", "/docs/.", "/docs/%2fetc%2fpasswd", "/docs/" + "x" * 300, "/docs/swagger-ui.css/x"]
NOTHING += ["/*", "/%ff", "/" + "x" * 3000, "/%E2%80%A8", "/%0d%0aSet-Cookie:%20x=1", "/{}", "/%s%n"]
NOTHING += ["/x?/healthz"]


@every(
    "service, path",
    [(service, spelling.format(path)) for service, path in KNOWN for spelling in SPELLINGS]
    + [(service, path) for service in SERVICES for path in NOTHING],
)
def test_another_spelling_of_a_path_is_404_and_there_is_nothing_else(
    person: Person, service: str, path: str
) -> None:
    answer = send(person.pair, service, f"GET {path}", [f"Authorization: Bearer {person.token}"])

    assert_problem(answer, 404, "there is nothing at this address")
    assert not {"Set-Cookie", "Location"} & answer.headers.keys()
