"""GET /books/export: the whole shelf as a file; exports and long imports take a place in a worker."""

import csv
import io
import json
from contextlib import ExitStack

import pytest
import requests

from books_service.transfer import bulk
from books_service.views.transfer import limit_of
from tests.books.conftest import somebody
from tests.books.files import HEADER, MEMBERS, as_csv, books, export, import_file
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, assert_problem, complaints

CSV_TYPE = "text/csv; charset=utf-8; header=present"
NDJSON_TYPE = "application/x-ndjson"


@on_sqlite
@every("method", ["GET", "HEAD"])
@every(
    "query, content_type, name",
    [("", CSV_TYPE, "books.csv"), ("?format=ndjson", NDJSON_TYPE, "books.ndjson")],
)
def test_an_export_says_what_it_is(
    person: Person, query: str, content_type: str, name: str, method: str
) -> None:
    answer = person.request(method, "books", f"/books/export{query}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["Cache-Control"] == "no-store"
    if method == "GET":
        assert answer.headers["Transfer-Encoding"] == "chunked"
    else:
        assert answer.content == b""


@on_sqlite
@every(
    "accept, ending",
    [(accept, "csv") for accept in ("*/*", "text/html", "", f"{NDJSON_TYPE};q=0.1, text/csv;q=0.2")]
    + [(f"application/{subtype}", "ndjson") for subtype in ("x-ndjson", "*", "x-ndjson;charset=utf-8")]
    + [(f"text/csv;q=0.1, {NDJSON_TYPE}", "ndjson"), ("text/csv;q=0, */*", "ndjson")]
    + [(f"*/*;q=0.5, {NDJSON_TYPE}", "ndjson")],
)
def test_the_format_is_the_one_that_the_client_prefers_unless_the_query_says_it(
    person: Person, accept: str, ending: str
) -> None:
    answer = person.get("/books/export", headers=person.with_token(Accept=accept))

    assert answer.headers["Content-Disposition"].endswith(f'books.{ending}"')
    assert "Accept" in answer.headers["Vary"]
    asked = person.get("/books/export?format=csv", headers=person.with_token(Accept=accept))
    assert asked.headers["Content-Type"] == CSV_TYPE


@on_sqlite
@every("query", ["format=xml", "format=CSV", "format=csv&format=csv", "page=1", "bom=2"])
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str) -> None:
    assert complaints(person.get(f"/books/export?{query}")) == [query.partition("=")[0]]


def test_every_book_is_in_it_by_id_and_no_cell_is_a_formula(pair: Pair, person: Person) -> None:
    somebody(pair).add_book()
    assert (export(person, "csv"), export(person, "ndjson")) == (HEADER.encode(), b"")
    person.add_book(name='A "b", c', Author="Ann", Publisher="Ä\u2028", book_prize=12)
    person.add_book(name="Z", Author="a,b", Publisher=" p ", book_prize=None)
    for start in "=+-@'":
        person.add_book(name=f"{start}1+1", Author=f"{start}x", Publisher=f"x{start}", book_prize=0)

    first, *rest = export(person).decode().split("\r\n", 3)
    lines = export(person, "ndjson").split(b"\n")

    assert [f"{first}\r\n", *rest[:2]] == [HEADER, '"A ""b"", c",Ann,Ä\u2028,12', 'Z,"a,b", p ,']
    assert rest[2] == "".join(f"'{start}1+1,'{start}x,x{start},0\r\n" for start in "=+-@'")
    shelf = person.get("/books").json()["list_of_books"]
    expected = [{name: each[name] for name in MEMBERS} for each in shelf]
    assert [json.loads(line) for line in lines[:-1]] == expected
    assert lines[-1] == b""


@every("count", [1000, 2001])
def test_no_book_is_lost_or_repeated_between_two_batches(pair: Pair, count: int) -> None:
    person = somebody(pair)
    import_file(person, as_csv(books(count)))

    names = [row["name"] for row in csv.DictReader(io.StringIO(export(person).decode()))]

    assert names == [f"Book {number}" for number in range(count)]


@on_sqlite
def test_a_client_that_takes_too_long_gets_no_whole_export(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_file(person, as_csv(books(1001)))
    assert export(person).count(b"\r\n") == 1 + 1001

    monkeypatch.setattr(bulk, "LONGEST_EXPORT", 0)

    with pytest.raises(RuntimeError, match="the client took too long"):
        export(person)


@on_sqlite
def test_an_export_may_begin_with_a_byte_order_mark(person: Person) -> None:
    person.add_book()

    marked = person.get("/books/export?format=csv&bom=1")

    assert marked.content == b"\xef\xbb\xbf" + export(person)
    assert person.get("/books/export?format=csv&bom=0").content == export(person)
    assert person.get("/books/export?format=ndjson&bom=1").content == export(person, "ndjson")
    assert import_file(person, marked.content).json() == {"created": 0, "skipped": 1}


@on_sqlite
@every("threads, exports", [("16", 4), ("1", 1)])
def test_a_quarter_of_the_threads_writes_exports(pair: Pair, threads: str, exports: int) -> None:
    assert pair.variant(THREADS=threads).apps["books"].extensions["exports"].count == exports


def ask(person: Person, what: str) -> requests.Response:
    """Export, or import a long file."""
    if what == "exports":
        return person.get("/books/export")
    return import_file(person, as_csv(books(3000)), query="?dry_run=1")


@on_sqlite
@pytest.mark.parametrize(("what", "other"), [("exports", "long_files"), ("long_files", "exports")])
def test_a_third_at_once_of_one_user_is_refused_and_others_get_in(
    pair: Pair, person: Person, what: str, other: str
) -> None:
    with ExitStack() as held:  # as requests that have not ended
        held.enter_context(limit_of(person.public_id, what).slot())
        assert ask(person, what).status_code == 200
        held.enter_context(limit_of(person.public_id, what).slot())
        refused = ask(person, what)
        assert [ask(somebody(pair), what).status_code, ask(person, other).status_code] == [200, 200]
        assert import_file(person, as_csv(books(10))).status_code == 200
    assert_problem(refused, 503)
    assert refused.headers["Retry-After"] == "5"
    assert ask(person, what).status_code == 200


@on_sqlite
def test_what_is_refused_gives_its_place_back(person: Person) -> None:
    for start in (b"\xff", b"x") * 2:
        assert import_file(person, start + bytes(70_000)).status_code in (400, 422)
        assert person.get("/books/export?format=xml").status_code == 422
        assert person.get("/books/export").status_code == 200
