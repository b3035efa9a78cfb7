"""The headers of every answer, errors included: request ids, no caching, no word about the software."""

import re
from typing import Any

import pytest

from tests import api
from tests.cases import every
from tests.common.wire import chunked, send
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, Person, assert_problem, book, new_name

# What stands around an answer is decided by no database.
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
    ("books", "POST", "/books", {"data": b"x" * 70_000}),
    ("books", "PUT", "/", {}),
    ("books", "OPTIONS", "/books", NO_TOKEN),
    ("books", "HEAD", "/books", {}),
    ("books", "TRACE", "/books", {}),
]


@every("service, method, path, options", ANSWERS)
def test_every_answer_has_the_common_headers_and_repeats_the_request_id_of_the_client(
    reader: Person, service: str, method: str, path: str, options: dict[str, Any]
) -> None:
    headers = options.get("headers", {"x-access-tokens": reader.token}) | {"X-Request-ID": "Mine.1_2-3"}

    answer = reader.request(method, service, path, allow_redirects=False, **options | {"headers": headers})

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-ID"] == "Mine.1_2-3"
    assert not SOFTWARE.search(str(answer.headers))
    assert not {"Set-Cookie", "Access-Control-Allow-Origin"} & answer.headers.keys()
    assert not answer.is_redirect
    assert "Content-Length" in answer.headers


@every("service", SERVICES)
@every("sent", ["a", "0", ".", "-", "a" * 128, "A.b_c-9", "Root=1-67891233-abcdef;Sampled=1", "|a:b/c+d@e="])
def test_a_request_id_of_the_right_form_is_kept(pair: Pair, service: str, sent: str) -> None:
    answer = send(pair, service, "GET /healthz", [f"X-Request-ID: {sent}"])

    assert answer.headers["X-Request-ID"] == sent


@every("service", SERVICES)
@every("sent", ["", "a" * 129, "a b", "a,b", "<a>", "é", "a\tb", "\xff", "a\\b", "a%b", "{a}", '"a"'])
def test_another_request_id_is_replaced(pair: Pair, service: str, sent: str) -> None:
    answer = send(pair, service, "GET /healthz", [b"X-Request-ID: " + sent.encode("latin-1")])

    assert answer.status_code == 200
    assert NEW_ID.fullmatch(answer.headers["X-Request-ID"])
    assert answer.headers["X-Request-ID"] != sent


def test_each_request_has_an_id_of_its_own_and_two_are_none(pair: Pair) -> None:
    answers = [api.get(pair.url("auth") + "/healthz") for _ in range(5)]
    answers.append(send(pair, "books", "GET /healthz", ["X-Request-ID: a", "X-Request-ID: b"]))

    assert len({answer.headers["X-Request-ID"] for answer in answers} - {"a", "b"}) == 6


def test_what_holds_tokens_or_data_of_a_user_is_not_stored(pair: Pair, person: Person, admin: Person) -> None:
    credentials = {"name": new_name(), "password": PASSWORD}
    number = person.add_book()["id"]

    answers = [
        api.post(pair.url("auth") + "/register", json=credentials),
        api.post(pair.url("auth") + "/login", json=credentials),
        *(admin.get(path, "auth") for path in ("/me", "/users", f"/users/{person.public_id}")),
        person.get("/books"),
        person.post("/books", book()),
        person.delete(f"/books/{number}"),
        person.get("/books", headers={}),
        person.get(f"/books/{number}"),
    ]

    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@every("path", ["/", "/healthz", "/readyz", "/books", "/books?limit=1", "/openapi.json", "/nowhere"])
def test_head_is_get_without_the_body(reader: Person, path: str) -> None:
    get, head = reader.get(path), reader.request("HEAD", "books", path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


@every(
    "service, paths, methods",
    [
        ("auth", "/register /login", {"POST"}),
        ("auth", "/", {"GET"}),
        ("auth", "/users", {"GET", "POST"}),
        ("books", "/book /books/import", {"POST"}),
        ("books", "/books", {"GET", "POST"}),
        ("books", "/books/export /healthz /openapi.json /docs", {"GET"}),
    ],
)
@every("method", ["PROPFIND", "TRACE", "CONNECT", "BREW", "PUT", "DELETE"])
def test_405_and_options_name_the_methods(
    pair: Pair, service: str, paths: str, methods: set[str], method: str
) -> None:
    allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())

    for path in paths.split():
        refused = send(pair, service, f"{method} {path}")
        asked = send(pair, service, f"OPTIONS {path}")

        assert_problem(refused, 405)
        assert asked.status_code in (200, 204)
        assert refused.headers["Allow"] == asked.headers["Allow"] == ", ".join(sorted(allowed))


def test_where_there_is_nothing_no_method_is_named(pair: Pair) -> None:
    answer = send(pair, "books", "OPTIONS /nowhere")

    assert_problem(answer, 404)
    assert "Allow" not in answer.headers


def test_trailers_of_a_chunked_body_are_no_headers(person: Person) -> None:
    body = chunked(b"{}")[:-2] + b"x-access-tokens: %s\r\n\r\n" % person.token.encode()
    headers = ["Content-Type: application/json", "Transfer-Encoding: chunked", "Trailer: x-access-tokens"]

    assert_problem(send(person.pair, "books", "POST /books", headers, body), 401)
