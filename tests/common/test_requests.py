"""What both services read: JSON of one size, type and charset, by its rules; and what is refused first."""

import json

import pytest

from tests import api
from tests.auth.users import NOBODY
from tests.cases import every
from tests.common import openapi
from tests.common.routes import Route, anonymous, every_kind_of_route, post_json
from tests.pair import SERVICES
from tests.people import Person, assert_problem, book, complaints

LIMIT = 64 * 1024  # bytes
# What a request is, is decided before any database is asked.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")


def padded(size: int) -> bytes:
    return b"{}".ljust(size)


@every_kind_of_route
@every("kind", ["application/json", "text/plain"])
@every("size", [LIMIT + 1, 1_000_000])
def test_a_body_over_64_kib_is_413(route: Route, reader: Person, kind: str, size: int) -> None:
    whole = padded(size)

    for body in (whole, iter([b"{", whole[1:]]), iter([whole[:LIMIT], whole[LIMIT:]])):
        assert_problem(anonymous(route, reader, body, Content_Type=kind), 413)


@every_kind_of_route
def test_a_body_of_64_kib_is_read(route: Route, reader: Person) -> None:
    for body in (padded(LIMIT), iter([padded(LIMIT)])):
        assert post_json(route, reader, body).status_code == 422


@every_kind_of_route
@every(
    "kind",
    ["", "text/plain", "text/json", "application/xml", "application/problem+json", "application/jsonx"]
    + ["application/merge-patch+json", "application/json, text/plain", "application", "json", ";"]
    + ["multipart/form-data", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
    + ["application/json;charset=utf-16", 'application/json; CHARSET="utf-7"', "application/json; charset="]
    + ["application/json; charset*=utf-8''utf-16", 'application/json; charset="utf-8']
    + ["application/json; charset", "application/json; charset=utf-8; charset=utf-8"]
    + ["application/json; charset=utf-8; charset=utf-16"],
)
def test_another_media_type_or_charset_is_415_and_the_right_one_named(
    route: Route, reader: Person, kind: str
) -> None:
    answer = anonymous(route, reader, b"{}", Content_Type=kind)

    assert_problem(answer, 415, "the body must be application/json in UTF-8")
    assert "Accept-Encoding" not in answer.headers


@every_kind_of_route
@every(
    "kind",
    ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;"]
    + ['application/json;charset="UTF-8"', "application/json ; x=y"],
)
def test_json_in_utf_8_is_read(route: Route, reader: Person, kind: str) -> None:
    assert anonymous(route, reader, b"{}", Content_Type=kind).status_code == 422


@every_kind_of_route
@every(
    "body",
    [b" ", b"x", b"{", b"}", b"[1,]", b'{"a":1,}', b"{'a':1}", b"{a:1}", b"{}x", b"{}{}", b"/**/{}", b'"\t"']
    + [b"nul", b"NaN", b"Infinity", b"-Infinity", b'{"x":NaN}', b"01", b"+1", b".5", b"1.", b"0x1", b"1e"]
    + [b"True", b"\xff", b'{"x":"\xff"}', b'{"x":"\xed\xa0\x80"}', b'"\\ud800"', b'{"x":"\\udfff"}']
    + [b'{"\\ud800":1}', b'"\\x41"', b'{"x":1e400,"\\ud800":1}', b'{"x":1e400,"y":"\\ud800"}']
    + [b'{"x":1e400,"y":NaN}', b'{"x":1e400,"y":[}', b"\xef\xbb\xbf{", "{}".encode("utf-16")]
    + ["{}".encode("utf-32-be"), b"\x00", b"{}\x00", b"\x1f\x8b\x08\x00"]
    + [b"[" * 60_000, b'{"a":' * 12_000, b"[" * 30_000 + b"]" * 30_000, b'{"x":1e400,"y":' + b"[" * 50_000]
    + [b'{"name":%s,"name":"Eric"}' % value for value in (b"NaN", b"-Infinity", b'"\\ud800"')],
)
def test_what_is_not_json_is_400(route: Route, reader: Person, body: bytes) -> None:
    assert_problem(post_json(route, reader, body), 400, "the body is not JSON")


@every_kind_of_route
@every("body", [b"null", b"1", b"1e400", b"9" * 5000, b"true", b'"x"', b"[]", b'[{"name":"x"}]'])
def test_json_that_is_no_object_is_422(route: Route, reader: Person, body: bytes) -> None:
    assert complaints(post_json(route, reader, body)) == [""]


MEMBERS = [("price", "/price"), ("", "/"), ("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01")]
MEMBERS += [(name, f"/{name}") for name in ("é\u2028", "_schema", "\x00", "__proto__", "%s{0}", "x" * 1000)]


@every_kind_of_route
@every(
    "body, pointer",
    [(b'{"TEXT":%s}' % value, "/TEXT") for value in (b"1", b"null", b"true", b"1.5", b"1e400", b"9" * 5000)]
    + [(b'{"TEXT":%s}' % value, "/TEXT") for value in (b"[]", b'{"x":"y"}')]
    + [(json.dumps({member: "x"}).encode(), pointer) for member, pointer in MEMBERS],
)
def test_what_is_no_string_or_not_known_is_refused_by_its_pointer(
    route: Route, reader: Person, body: bytes, pointer: str
) -> None:
    found = complaints(post_json(route, reader, body.replace(b"TEXT", route.text.encode())))

    assert pointer.replace("TEXT", route.text) in found


@every_kind_of_route
def test_a_refusal_never_shows_the_value(route: Route, reader: Person) -> None:
    value = "secret \x07 of 1234"
    both = {"password": value, "book_prize": value}

    for body in ({"x": value}, {route.text: [value]}, {route.text: value}, [value], both):
        assert "1234" not in post_json(route, reader, json.dumps(body).encode()).text


@every_kind_of_route
def test_the_query_is_refused_together_with_the_body(route: Route, reader: Person) -> None:
    found = complaints(post_json(route, reader, b'{"price":1}', "?token=x&x=1&x=2"))

    assert {"/price", f"/{route.text}", "token", "x"} <= set(found)


@every("service", SERVICES)
@every("path", ["/", "/healthz", "/readyz"])
@every("query", ["x=1", "x", "=", "%00", "limit=1", "token=x&cursor=y"])
def test_a_parameter_that_is_not_known_is_refused(
    reader: Person, service: str, path: str, query: str
) -> None:
    assert complaints(reader.get(f"{path}?{query}", service))


@every("method, path", [("GET", "/books"), ("GET", "/"), ("DELETE", "/books/1"), ("GET", "/nope")])
@every("body", [b"x", b"x" * 70_000, b"NaN"])
def test_a_body_where_none_is_taken_is_ignored(reader: Person, method: str, path: str, body: bytes) -> None:
    plain, *others = (reader.request(method, "books", path, data=data) for data in (None, body, iter([body])))

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
WRONG = [
    (LARGE, "text/plain", 413),
    (b"x", "text/plain", 415),
    (b"x", "application/json", 400),
    (b"{}", "application/json", 422),
]


@every("service", SERVICES)
def test_404_and_405_come_first(reader: Person, service: str) -> None:
    url = reader.pair.url(service)

    assert_problem(api.post(f"{url}/nowhere?x=1", data=LARGE), 404)
    assert_problem(api.put(f"{url}/?x=1", data=LARGE), 405)


@every("service, route", GUARDED)
def test_then_a_token_that_is_missing(reader: Person, service: str, route: str) -> None:
    method, path = route.format(book_id=1, public_id=NOBODY, session_id=NOBODY).split()

    answer = reader.request(method.upper(), service, f"{path}?x=1", headers={}, data=LARGE)

    assert_problem(answer, 401, "a valid token is missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookstore"'


@every("body, kind, status", WRONG)
def test_then_the_token_size_type_syntax_and_rules(
    reader: Person, body: bytes, kind: str, status: int
) -> None:
    for token, expected in ("x", 401), (reader.token, status):
        headers = {"x-access-tokens": token, "Content-Type": kind}
        assert_problem(reader.request("POST", "books", "/books", data=body, headers=headers), expected)


def test_the_role_comes_before_the_rules(reader: Person) -> None:
    assert_problem(reader.get("/users?limit=0&x=1", "auth", data=LARGE), 403)


@every("method", ["GET", "DELETE"])
def test_rules_come_before_a_resource_that_is_not_there(reader: Person, method: str) -> None:
    assert_problem(reader.request(method, "books", f"/books/{2**63 - 1}?x=1"), 422)
    assert_problem(reader.request(method, "books", f"/books/{2**63 - 1}"), 404, "book does not exist")


def test_rules_come_before_a_conflict(person: Person) -> None:
    sent = book()
    person.add_book(**sent)

    assert_problem(person.post("/books?x=1", sent), 422)
    assert_problem(person.post("/books", sent), 409)
