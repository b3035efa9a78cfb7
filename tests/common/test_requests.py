"""What both services read: bodies of one size, type and charset, and no parameter that they do not know."""

import pytest

from tests.cases import every
from tests.common.routes import Route, anonymous, every_route, post_json
from tests.pair import SERVICES
from tests.people import Person, assert_problem, complaints

LIMIT = 64 * 1024  # bytes
# What a request is, is decided before any database is asked.
pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")


def padded(size: int) -> bytes:
    return b"{}".ljust(size)


@every_route
@every("kind", ["application/json", "text/plain"])
@every("size", [LIMIT + 1, 70_000, 1_000_000])
def test_a_body_over_64_kib_is_413(route: Route, reader: Person, kind: str, size: int) -> None:
    whole, in_chunks = padded(size), iter([b"{", padded(size)[1:]])

    for body in (whole, in_chunks):
        assert_problem(anonymous(route, reader, body, Content_Type=kind), 413)


@every_route
def test_a_body_of_64_kib_is_read(route: Route, reader: Person) -> None:
    for body in (padded(LIMIT), iter([padded(LIMIT)])):
        assert post_json(route, reader, body).status_code == 422


@every_route
@every("tail", [b"x", b'"', b"}", b"{}"])
def test_a_chunked_body_is_read_to_its_end(route: Route, reader: Person, tail: bytes) -> None:
    assert_problem(post_json(route, reader, iter([padded(LIMIT), tail])), 413)


@every_route
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
def test_another_media_type_or_charset_is_415(route: Route, reader: Person, kind: str) -> None:
    assert_problem(anonymous(route, reader, b"{}", Content_Type=kind), 415)


@every_route
@every(
    "kind",
    ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;"]
    + ['application/json;charset="UTF-8"', "application/json ; x=y"],
)
def test_json_in_utf_8_is_read(route: Route, reader: Person, kind: str) -> None:
    assert anonymous(route, reader, b"{}", Content_Type=kind).status_code == 422


@every_route
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
    plain = reader.request(method, "books", path)
    with_body = reader.request(method, "books", path, data=body)
    in_chunks = reader.request(method, "books", path, data=iter([body]))

    assert plain.status_code == with_body.status_code == in_chunks.status_code
    assert plain.content == with_body.content == in_chunks.content
