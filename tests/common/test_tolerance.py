"""What many clients send without meaning harm: a byte order mark, and parameters that they left empty."""

from codecs import BOM_UTF8

import pytest
import requests

from tests import api
from tests.books.files import CSV, NDJSON
from tests.cases import every
from tests.common.openapi import operations
from tests.common.routes import ROUTES, Route, anonymous, post_json
from tests.conftest import keys_of
from tests.feed.service_tokens import service_token
from tests.pair import SERVICES, Pair
from tests.people import Person, assert_problem, complaints

# Nothing of it is known to a database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

CODINGS = ["gzip", "br", "GZIP", "x-gzip", "aws-chunked"]
FILE = Route("books", "/books/import", "")
NO_TOKENS = ["gzip, br", "<script>", "a b", "é", "gzip;q=1", "a" * 65, '"gzip"', "a\tb"]


@every("route", ROUTES)
def test_a_body_may_begin_with_a_byte_order_mark(route: Route, reader: Person) -> None:
    without, with_mark = (post_json(route, reader, mark + b'{"x":1}') for mark in (b"", BOM_UTF8))

    assert complaints(with_mark) == complaints(without)
    assert_problem(post_json(route, reader, BOM_UTF8), 400)
    assert_problem(post_json(route, reader, 2 * BOM_UTF8 + b"{}"), 400)


def test_a_byte_order_mark_counts_for_the_size_of_a_body(reader: Person) -> None:
    assert_problem(post_json(ROUTES[0], reader, BOM_UTF8 + b"{}".ljust(65_536)), 413)


@every("route, kind", [(ROUTES[0], "application/json"), (FILE, CSV), (FILE, NDJSON)])
@every(
    "coding, told",
    [(coding, f" with {coding}") for coding in CODINGS] + [(strange, "") for strange in NO_TOKENS],
)
def test_a_coding_is_refused_by_its_name_if_it_is_one(
    route: Route, kind: str, reader: Person, coding: str, told: str
) -> None:
    answer = anonymous(route, reader, b"{}", Content_Type=kind, Content_Encoding=coding)

    problem = assert_problem(answer, 415, f"the body must not be encoded{told}")
    assert problem["code"] == "unsupported-media-type"
    assert answer.headers["Accept-Encoding"] == "identity"


@every("coding", ["identity", "Identity"])
def test_no_coding_may_be_named(reader: Person, coding: str) -> None:
    headers = {"Content_Type": "application/json", "Content_Encoding": coding}

    assert_problem(anonymous(ROUTES[0], reader, b"{}", **headers), 422)
    empty = reader.with_token(Content_Type="application/json", Content_Encoding="")
    answer = reader.request("POST", "books", "/books", data=b"{}", headers=empty)
    assert_problem(answer, 415, "the body must not be encoded")  # which names none


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
        for route, operation in operations(document):
            names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
            found += [(service, route.split()[1], names)] if names else []
    return found


def test_an_empty_parameter_counts_as_left_out(pair: Pair, admin: Person) -> None:
    routes = queries(pair)

    expected = {"/users", "/events", "/books", "/books/export", "/books/import"}
    assert {path for _, path, _ in routes} >= expected
    for service, path, names in routes:
        left_out = asked(admin, service, path, "")
        for query in [*(f"{name}=" for name in names), "&".join(f"{name}=" for name in names)]:
            answer = asked(admin, service, path, query)
            assert (answer.status_code, answer.text) == (200, left_out.text), (path, query)


def test_an_unknown_parameter_is_refused_even_if_it_is_empty(pair: Pair, admin: Person) -> None:
    for service, path, names in queries(pair):
        assert complaints(asked(admin, service, path, f"{names[0]}=&price=")) == ["price"]
    for service in SERVICES:
        assert complaints(api.get(pair.url(service) + "/healthz?x=")) == ["x"]


def test_a_parameter_is_given_once_even_if_it_is_empty(admin: Person) -> None:
    assert complaints(asked(admin, "books", "/books", "limit=&limit=5")) == ["limit"]


def test_the_next_page_is_that_of_what_was_not_left_out(admin: Person) -> None:
    for _ in range(2):
        admin.add_book()

    first = admin.get("/books?limit=1&q=&name=&sort=")
    second = admin.get(first.links["next"]["url"])

    assert second.json()["list_of_books"] != first.json()["list_of_books"]
