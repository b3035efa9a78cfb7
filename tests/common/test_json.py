"""JSON bodies: what is none is 400, what breaks the rules 422, with a pointer to each thing that is wrong."""

import json

import pytest

from tests.cases import every
from tests.common.routes import Route, every_route, post_json
from tests.people import Person, assert_problem, complaints

# What a body is, is decided before any database is asked.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")


@every_route
@every(
    "body",
    [b" ", b"x", b"{", b"}", b"[1,]", b'{"a":1,}', b"{'a':1}", b"{a:1}", b"{}x", b"{}{}", b"/**/{}", b'"\t"']
    + [b"nul", b"NaN", b"Infinity", b"-Infinity", b'{"x":NaN}', b"01", b"+1", b".5", b"1.", b"0x1", b"1e"]
    + [b"True", b"\xff", b'{"x":"\xff"}', b'{"x":"\xed\xa0\x80"}', b'"\\ud800"', b'{"x":"\\udfff"}']
    + [b'{"\\ud800":1}', b'"\\x41"', b'{"x":1e400,"\\ud800":1}', b'{"x":1e400,"y":"\\ud800"}']
    + [b'{"x":1e400,"y":NaN}', b'{"x":1e400,"y":[}', b"\xef\xbb\xbf{", "{}".encode("utf-16")]
    + ["{}".encode("utf-32-be"), b"\x00", b"{}\x00", b"\x1f\x8b\x08\x00"]
    + [b"[" * 60_000, b'{"a":' * 12_000, b"[" * 30_000 + b"]" * 30_000, b'{"x":1e400,"y":' + b"[" * 50_000],
)
def test_what_is_not_json_is_400(route: Route, reader: Person, body: bytes) -> None:
    assert_problem(post_json(route, reader, body), 400)


@every_route
@every("body", [b"null", b"1", b"1e400", b"9" * 5000, b"true", b'"x"', b"[]", b'[{"name":"x"}]'])
def test_json_that_is_no_object_is_422(route: Route, reader: Person, body: bytes) -> None:
    assert complaints(post_json(route, reader, body)) == [""]


@every_route
@every("text", [b"1", b"null", b"true", b"1.5", b"1e400", b"9" * 5000, b"[]", b'{"x":"y"}'])
def test_what_is_no_string_is_refused_by_its_pointer(route: Route, reader: Person, text: bytes) -> None:
    answer = post_json(route, reader, b'{"%s":%s}' % (route.text.encode(), text))

    assert f"/{route.text}" in complaints(answer)


@every_route
@every(
    "member, pointer",
    [("price", "/price"), ("", "/"), ("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01")]
    + [(name, f"/{name}") for name in ("é\u2028", "_schema", "\x00", "__proto__", "%s{0}", "x" * 1000)],
)
def test_a_member_that_is_not_known_is_named_by_a_json_pointer(
    route: Route, reader: Person, member: str, pointer: str
) -> None:
    found = complaints(post_json(route, reader, json.dumps({member: "a secret value"}).encode()))

    assert pointer in found


@every_route
def test_a_refusal_never_shows_the_value(route: Route, reader: Person) -> None:
    value = "secret \x07 of 1234"
    both = {"password": value, "book_prize": value}

    for body in ({"x": value}, {route.text: [value]}, {route.text: value}, [value], both):
        assert "1234" not in post_json(route, reader, json.dumps(body).encode()).text


@every_route
@every("value", [b"NaN", b"-Infinity", b'"\\ud800"'])
def test_what_is_no_json_is_400_though_its_member_stands_twice(
    route: Route, reader: Person, value: bytes
) -> None:
    body = b'{"name":%s,"name":"Eric"}' % value

    assert_problem(post_json(route, reader, body), 400, "the body is not JSON")
