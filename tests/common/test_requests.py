"""What both services read: JSON bodies, strictly, and refused in one order."""

import pytest

from tests import api
from tests.cases import every
from tests.common.routes import ROUTES, Route, anonymous
from tests.people import Person, assert_problem, complaints

LIMIT = 64 * 1024  # bytes
# What a request is, is decided before any database is asked.
pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")
every_route = every("route", ROUTES)


def padded(size: int) -> bytes:
    return b"{}".ljust(size)


@every_route
@every("chunked", [False, True])
@every("kind", ["application/json", "text/plain"])
@every("size", [LIMIT + 1, 70_000, 1_000_000])
def test_a_body_over_64_kib_is_413(route: Route, reader: Person, chunked: bool, kind: str, size: int) -> None:
    body = padded(size)

    answer = anonymous(route, reader, iter([body[:1], body[1:]]) if chunked else body, Content_Type=kind)

    assert_problem(answer, 413)


@every_route
@every("chunked", [False, True])
def test_a_body_of_64_kib_is_read(route: Route, reader: Person, chunked: bool) -> None:
    body = padded(LIMIT)

    answer = anonymous(route, reader, iter([body]) if chunked else body, Content_Type="application/json")

    assert answer.status_code == 422


@every_route
@every("tail", [b"x", b'"', b"}", b"{}"])
def test_a_chunked_body_is_read_to_its_end(route: Route, reader: Person, tail: bytes) -> None:
    body = iter([padded(LIMIT), tail])

    assert_problem(anonymous(route, reader, body, Content_Type="application/json"), 413)


@every_route
@every(
    "kind",
    [
        "",
        "text/plain",
        "text/json",
        "application/xml",
        "application/problem+json",
        "application/merge-patch+json",
    ]
    + [
        "application/json; charset=latin-1",
        "application/json;charset=utf-16",
        'application/json; CHARSET="utf-7"',
    ]
    + ["application/json, text/plain", "application/jsonx", "application", "json", ";", "multipart/form-data"]
    + ["application/x-www-form-urlencoded", "application/json; charset*=utf-8''utf-16"]
    + ["application/json; charset=", 'application/json; charset="utf-8', "application/json; charset"]
    + ["application/json; charset=utf-8; charset=utf-8", "application/json; charset=utf-8; charset=utf-16"],
)
def test_another_media_type_or_charset_is_415(route: Route, reader: Person, kind: str) -> None:
    assert_problem(anonymous(route, reader, b"{}", Content_Type=kind), 415)


@every_route
@every(
    "kind",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ]
    + ["application/json ; x=y", "application/json;"],
)
def test_json_in_utf_8_is_read(route: Route, reader: Person, kind: str) -> None:
    assert anonymous(route, reader, b"{}", Content_Type=kind).status_code == 422


@every_route
def test_the_query_is_refused_together_with_the_body(route: Route, reader: Person) -> None:
    url = f"{reader.pair.url(route.service)}{route.path}?token=x&x=1&x=2"
    headers = {"Content-Type": "application/json"}
    if route.service == "books":
        headers["x-access-tokens"] = reader.token

    found = complaints(api.post(url, data=b'{"price":1}', headers=headers, timeout=30))

    assert {"/price", f"/{route.text}", "token", "x"} <= set(found)


@every("service", ["auth", "books"])
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
