"""The headers of every answer, errors included: request ids, no caching, no word about the software."""

import re
from typing import Any

import pytest

from tests import api
from tests.cases import every
from tests.common.wire import chunked, send
from tests.pair import Pair
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


@every("sent", ["a", "0", ".", "-", "a" * 128, "A.b_c-9", "Root=1-67891233-abcdef;Sampled=1", "|a:b/c+d@e="])
def test_a_request_id_of_the_right_form_is_kept(pair: Pair, sent: str) -> None:
    assert send(pair, "auth", "GET /healthz", [f"X-Request-ID: {sent}"]).headers["X-Request-ID"] == sent


@every("sent", ["", "a" * 129, "a b", "a,b", "<a>", "é", "a\tb", "\xff", "a\\b", "a%b", "{a}", '"a"'])
def test_another_request_id_is_replaced(pair: Pair, sent: str) -> None:
    answer = send(pair, "books", "GET /healthz", [b"X-Request-ID: " + sent.encode("latin-1")])

    assert answer.status_code == 200
    assert NEW_ID.fullmatch(answer.headers["X-Request-ID"])
    assert answer.headers["X-Request-ID"] != sent


def test_each_request_has_an_id_of_its_own_and_two_are_none(pair: Pair) -> None:
    answers = [api.get(pair.url("auth") + "/healthz") for _ in range(5)]
    answers.append(send(pair, "books", "GET /healthz", ["X-Request-ID: a", "X-Request-ID: b"]))

    assert len({answer.headers["X-Request-ID"] for answer in answers} - {"a", "b"}) == 6


def test_what_holds_tokens_or_data_of_a_user_is_not_stored(pair: Pair, admin: Person) -> None:
    credentials, url = {"name": new_name(), "password": PASSWORD}, pair.url("auth")

    answers = [api.post(url + path, json=credentials) for path in ("/register", "/login")]
    answers += [admin.get(path, "auth") for path in ("/me", "/users", f"/users/{admin.public_id}")]
    answers += [admin.post("/books", book()), admin.get("/books"), admin.get("/books", headers={})]

    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@every("path", ["/", "/healthz", "/readyz", "/books", "/books?limit=1", "/openapi.json", "/nowhere"])
def test_head_is_get_without_the_body(reader: Person, path: str) -> None:
    get, head = reader.get(path), reader.request("HEAD", "books", path)

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
    body = chunked(b"{}")[:-2] + b"x-access-tokens: %s\r\n\r\n" % person.token.encode()
    headers = ["Content-Type: application/json", "Transfer-Encoding: chunked", "Trailer: x-access-tokens"]

    assert_problem(send(person.pair, "books", "POST /books", headers, body), 401)
