"""What both services read: JSON of one size, type and charset, by its rules; and what is refused first."""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator

import pytest
import requests

from tests import api
from tests.auth.users import NOBODY
from tests.books.files import CSV, NDJSON
from tests.cases import every
from tests.common import openapi
from tests.common.routes import ROUTES, Route, anonymous
from tests.conftest import keys_of
from tests.feed.service_tokens import service_token
from tests.pair import SERVICES, Pair
from tests.people import Person, assert_problem, book, complaints

LIMIT = 64 * 1024  # bytes
JSON = "application/json"
# What a request is, is decided before any database is asked.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")
# All of them read their body in one way: a corpus is sent to one of each service.
every_kind_of_route = every("route", [ROUTES[0], ROUTES[-1]])


def post_json(
    route: Route, person: Person, body: bytes | Iterator[bytes], query: str = ""
) -> requests.Response:
    return anonymous(route, person, body, query, Content_Type=JSON)


@every_kind_of_route
@every("size, status", [(LIMIT, 422), (LIMIT + 1, 413), (1_000_000, 413)])
def test_a_body_has_up_to_64_kib_the_byte_order_mark_included(
    route: Route, person: Person, size: int, status: int
) -> None:
    whole, marked = b"{}".ljust(size), (BOM_UTF8 + b"{}").ljust(size)

    for body in (whole, iter([b"{", whole[1:]]), iter([whole[:LIMIT], whole[LIMIT:]]), marked):
        assert_problem(post_json(route, person, body), status)


@every_kind_of_route
@every(
    "kind",
    ["", "text/plain", "text/json", "application/xml", "application/problem+json", "application/jsonx"]
    + ["application/merge-patch+json", "application/json, text/plain", "application", "json", ";"]
    + ["multipart/form-data", "application/x-www-form-urlencoded"]
    + [f"{JSON}{end}" for end in ("; charset=latin-1", ";charset=utf-16", '; CHARSET="utf-7"', "; charset=")]
    + [f"{JSON}; charset{end}" for end in ("", "*=utf-8''utf-16", '="utf-8', "=utf-8; charset=utf-8")]
    + [f"{JSON}; charset=utf-8; charset=utf-16"],
)
def test_another_media_type_or_charset_is_415_and_the_right_one_named(
    route: Route, person: Person, kind: str
) -> None:
    answer = anonymous(route, person, b"{}", Content_Type=kind)

    assert_problem(answer, 415, "the body must be application/json in UTF-8")
    assert "Accept-Encoding" not in answer.headers


@every_kind_of_route
@every("kind", [JSON, JSON.upper(), f"{JSON}; charset=utf-8", f"{JSON};", f'{JSON};charset="UTF-8"'])
@every("coding", ["", "identity", "Identity"])
def test_json_in_utf_8_that_is_not_encoded_is_read(
    route: Route, person: Person, kind: str, coding: str
) -> None:
    assert anonymous(route, person, b"{}", Content_Type=kind, Content_Encoding=coding).status_code == 422
    assert anonymous(route, person, b"{}", Content_Type=f"{kind} ; x=y").status_code == 422


CODINGS = [(coding, f" with {coding}") for coding in ("gzip", "br", "GZIP", "x-gzip", "aws-chunked")]
NO_TOKENS = ["gzip, br", "<script>", "a b", "é", "gzip;q=1", "a" * 65, '"gzip"', "a\tb"]
FILE = Route("books", "/books/import", "")


@every("route, kind", [(ROUTES[0], JSON), (FILE, CSV), (FILE, NDJSON)])
@every("coding, told", [*CODINGS, *((strange, "") for strange in NO_TOKENS)])
def test_a_coding_is_refused_by_its_name_if_it_is_one(
    route: Route, kind: str, person: Person, coding: str, told: str
) -> None:
    answer = anonymous(route, person, b"{}", Content_Type=kind, Content_Encoding=coding)

    assert_problem(answer, 415, f"the body must not be encoded{told}")
    assert answer.headers["Accept-Encoding"] == "identity"


@every_kind_of_route
@every(
    "body",
    [b" ", b"x", b"{", b"}", b"[1,]", b'{"a":1,}', b"{'a':1}", b"{a:1}", b"{}x", b"{}{}", b"/**/{}", b'"\t"']
    + [b"nul", b"NaN", b"Infinity", b"-Infinity", b'{"x":NaN}', b"01", b"+1", b".5", b"1.", b"0x1", b"1e"]
    + [b"True", b"\xff", b'{"x":"\xff"}', b'{"x":"\xed\xa0\x80"}', b'"\\ud800"', b'{"x":"\\udfff"}']
    + [b'{"\\ud800":1}', b'"\\x41"', b'{"x":1e400,"\\ud800":1}', b'{"x":1e400,"y":"\\ud800"}']
    + [b'{"x":1e400,"y":NaN}', b'{"x":1e400,"y":[}', BOM_UTF8, BOM_UTF8 + b"{", BOM_UTF8 * 2 + b"{}"]
    + ["{}".encode("utf-16"), "{}".encode("utf-32-be"), b"\x00", b"{}\x00", b"\x1f\x8b\x08\x00"]
    + [b"[" * 60_000, b'{"a":' * 12_000, b"[" * 30_000 + b"]" * 30_000, b'{"x":1e400,"y":' + b"[" * 50_000]
    + [b'{"name":%s,"name":"Eric"}' % value for value in (b"NaN", b"-Infinity", b'"\\ud800"')],
)
def test_what_is_not_json_is_400(route: Route, person: Person, body: bytes) -> None:
    assert_problem(post_json(route, person, body), 400, "the body is not JSON")


MEMBERS = [("price", "/price"), ("", "/"), ("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01")]
MEMBERS += [(name, f"/{name}") for name in ("é\u2028", "_schema", "\x00", "__proto__", "%s{0}", "x" * 1000)]
NO_STRINGS = [b"1", b"null", b"true", b"1.5", b"1e400", b"9" * 5000, b"[]", b'{"x":"y"}']


@every_kind_of_route
@every(
    "body, pointer",
    [(body, "") for body in (b"null", b"1", b"1e400", b"9" * 5000, b"true", b'"x"', b"[]", b'[{"name":"x"}]')]
    + [(b'{"TEXT":%s}' % value, "/TEXT") for value in NO_STRINGS]
    + [(json.dumps({member: "x"}).encode(), pointer) for member, pointer in MEMBERS],
)
def test_what_is_no_object_no_string_or_not_known_is_refused_by_its_pointer(
    route: Route, person: Person, body: bytes, pointer: str
) -> None:
    sent = body.replace(b"TEXT", route.text.encode())

    found = complaints(post_json(route, person, sent))

    assert pointer.replace("TEXT", route.text) in found
    assert complaints(post_json(route, person, BOM_UTF8 + sent)) == found


@every("route", ROUTES)
def test_a_refusal_names_all_that_is_wrong_and_never_shows_the_value(route: Route, person: Person) -> None:
    value = "secret \x07 of 1234"
    both = {"password": value, "book_prize": value}

    for body in ({"x": value}, {route.text: [value]}, {route.text: value}, [value], both):
        answer = post_json(route, person, json.dumps(body).encode(), "?token=x&x=1&x=2")
        assert {"token", "x"} < set(complaints(answer))
        assert "1234" not in answer.text


def asked(admin: Person, service: str, path: str, query: str) -> requests.Response:
    """Ask a route that takes a query, as somebody who may."""
    token = service_token(keys_of(admin.pair)[0]) if path == "/events" else admin.token
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    is_import = path == "/books/import"
    method, body = ("POST", "name,Author,Publisher\r\n") if is_import else ("GET", None)
    return admin.request(method, service, f"{path}?{query}", data=body, headers=headers)


def queries(pair: Pair) -> list[tuple[str, str, list[str]]]:
    """Return each route that takes a query, with its parameters, as the documents have them."""
    found = []
    for service in SERVICES:
        document = api.get(pair.url(service) + "/openapi.json").json()
        for route, operation in openapi.operations(document):
            names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
            found += [(service, route.split()[1], names)] if names else []
    return found


def test_an_empty_parameter_counts_as_left_out_if_it_is_known_and_there_once(
    pair: Pair, admin: Person
) -> None:
    routes = queries(pair)

    expected = {"/users", "/events", "/books", "/books/export", "/books/import"}
    assert {path for _, path, _ in routes} >= expected
    for service, path, names in routes:
        left_out = asked(admin, service, path, "")
        for query in [*(f"{name}=" for name in names), "&".join(f"{name}=" for name in names)]:
            answer = asked(admin, service, path, query)
            assert (answer.status_code, answer.text) == (200, left_out.text), (path, query)
        assert complaints(asked(admin, service, path, f"{names[0]}=&price=")) == ["price"]
        assert set(complaints(asked(admin, service, path, f"{names[0]}=&{names[0]}=5"))) == {names[0]}


@every("service", SERVICES)
@every("path", ["/", "/healthz", "/readyz"])
@every("query", ["x=1", "x", "=", "%00", "limit=1", "token=x&cursor=y", "x="])
def test_a_parameter_that_is_not_known_is_refused(
    person: Person, service: str, path: str, query: str
) -> None:
    assert complaints(person.get(f"{path}?{query}", service))


@every("method, path", [("GET", "/books"), ("GET", "/"), ("DELETE", "/books/1"), ("GET", "/nope")])
@every("body", [b"x", b"x" * 70_000, b"NaN"])
def test_a_body_where_none_is_taken_is_ignored(person: Person, method: str, path: str, body: bytes) -> None:
    plain, *others = (person.request(method, "books", path, data=data) for data in (None, body, iter([body])))

    for other in others:
        assert (other.status_code, other.content) == (plain.status_code, plain.content)


# The order in which a request that is wrong in several ways is refused.
LARGE = b"x" * 70_000
OTHERWISE = {"post /login", "post /refresh", "delete /me"}  # what they are shown is no access token
GUARDED = [
    (service, route)
    for service, routes in openapi.ROUTES.items()
    for route in routes.keys() - OTHERWISE
    if "401" in routes[route]
]


@every("service, route", [*GUARDED, ("auth", "get /nowhere"), ("books", "put /")])
def test_404_and_405_come_first_and_then_a_token_that_is_missing(
    person: Person, service: str, route: str
) -> None:
    method, path = route.format(book_id=1, public_id=NOBODY, session_id=NOBODY).split()

    answer = person.request(method.upper(), service, f"{path}?x=1", headers={}, data=LARGE)

    status = {"get /nowhere": 404, "put /": 405}.get(route, 401)
    problem = assert_problem(answer, status)
    assert status != 401 or problem["message"] == "a valid token is missing"


@every(
    "body, kind, status",
    [(LARGE, "text/plain", 413), (b"x", "text/plain", 415), (b"x", JSON, 400), (b"{}", JSON, 422)],
)
def test_then_the_token_size_type_syntax_and_rules(
    person: Person, body: bytes, kind: str, status: int
) -> None:
    for token, expected in ("x", 401), (person.token, status):
        headers = {"x-access-tokens": token, "Content-Type": kind}
        assert_problem(person.request("POST", "books", "/books", data=body, headers=headers), expected)


def test_the_role_comes_before_the_rules_and_these_before_what_is_not_there_or_there_already(
    person: Person,
) -> None:
    sent = book()
    person.add_book(**sent)

    assert_problem(person.get("/users?limit=0&x=1", "auth", data=LARGE), 403)
    for method in ("GET", "DELETE"):
        assert_problem(person.request(method, "books", f"/books/{2**63 - 1}?x=1"), 422)
    assert_problem(person.post("/books?x=1", sent), 422)
