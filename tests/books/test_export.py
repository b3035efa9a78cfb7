"""GET /books/export: the whole shelf as a file, and never a part of it that looks like the whole."""

import csv
import io
import json
import socket
from http.client import HTTPResponse, IncompleteRead

import pytest

from books_service import create_app
from tests.books.files import HEADER, MEMBERS, as_csv, books, export, import_file
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, complaints, register
from tests.served import ServedPair

OF_ONE_ANSWER = ("Date", "X-Request-ID", "Transfer-Encoding")
CSV_TYPE = "text/csv; charset=utf-8; header=present"


@pytest.mark.parametrize(
    ("query", "content_type", "name"),
    [
        ("", CSV_TYPE, "books.csv"),
        ("?format=csv", CSV_TYPE, "books.csv"),
        ("?format=ndjson", "application/x-ndjson", "books.ndjson"),
    ],
)
def test_an_export_says_what_it_is(person: Person, query: str, content_type: str, name: str) -> None:
    person.add_book()

    answer = person.get(f"/books/export{query}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Transfer-Encoding"] == "chunked"


@every(
    "accept, ending",
    [
        ("application/x-ndjson", "ndjson"),
        ("*/*", "csv"),
        ("application/*", "ndjson"),
        ("text/csv;q=0.1, application/x-ndjson", "ndjson"),
        ("application/x-ndjson;q=0.1, text/csv;q=0.2", "csv"),
        ("text/csv;q=0, */*", "ndjson"),
        ("*/*;q=0.5, application/x-ndjson", "ndjson"),
        ("text/html", "csv"),
        ("", "csv"),
        ("application/x-ndjson;charset=utf-8", "ndjson"),
    ],
)
def test_the_format_is_the_one_that_the_client_prefers(person: Person, accept: str, ending: str) -> None:
    headers = {"Authorization": f"Bearer {person.token}", "Accept": accept}

    answer = person.get("/books/export", headers=headers)

    assert answer.headers["Content-Disposition"].endswith(f'books.{ending}"')
    assert "Accept" in answer.headers["Vary"]


def test_the_query_counts_more_than_accept(person: Person) -> None:
    headers = {"Authorization": f"Bearer {person.token}", "Accept": "application/x-ndjson"}

    assert person.get("/books/export?format=csv", headers=headers).headers["Content-Type"] == CSV_TYPE


@pytest.mark.parametrize("query", ["format=xml", "format=", "format=CSV", "format=csv&format=csv", "page=1"])
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str) -> None:
    assert complaints(person.get(f"/books/export?{query}")) == [query.partition("=")[0]]


def test_an_empty_shelf_is_a_header_or_nothing(person: Person) -> None:
    assert export(person, "csv") == HEADER.encode()
    assert export(person, "ndjson") == b""


def test_csv_has_every_book_by_id(person: Person) -> None:
    sent = {"name": 'A "b", c', "Author": "Ann", "Publisher": "Ä", "book_prize": 12}
    person.add_book(**sent)
    person.add_book(name="Z", Author="a,b", Publisher=" p ", book_prize=None)

    assert export(person).decode() == f'{HEADER}"A ""b"", c",Ann,Ä,12\r\nZ,"a,b", p ,\r\n'


def test_ndjson_has_an_object_a_line(person: Person) -> None:
    made = [person.add_book(name=name, book_prize=prize) for name, prize in (("Ä\u2028", None), ("b", 0))]

    lines = export(person, "ndjson").split(b"\n")

    assert [json.loads(line) for line in lines[:-1]] == [
        {name: book[name] for name in MEMBERS} for book in made
    ]
    assert lines[-1] == b""


@pytest.mark.parametrize("start", "=+-@'")
def test_a_cell_that_a_spreadsheet_would_calculate_is_guarded(person: Person, start: str) -> None:
    person.add_book(name=f"{start}1+1", Author=f"{start}x", Publisher=f"x{start}")

    _, row = csv.reader(io.StringIO(export(person).decode()))
    assert row == [f"'{start}1+1", f"'{start}x", f"x{start}", "12"]
    assert f'"name":"{start}1+1"'.encode() in export(person, "ndjson")


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000])
def test_no_book_is_lost_or_repeated_between_two_batches(person: Person, count: int) -> None:
    import_file(person, as_csv(books(count)))

    names = [row["name"] for row in csv.DictReader(io.StringIO(export(person).decode()))]

    assert names == [f"Book {number}" for number in range(count)]


def test_the_books_of_others_are_not_in_it(pair: Pair, person: Person) -> None:
    register(pair).add_book()

    assert export(person) == HEADER.encode()


def test_head_has_the_same_headers_and_no_body(person: Person) -> None:
    person.add_book()

    answers = [person.request(method, "books", "/books/export") for method in ("GET", "HEAD")]

    told = [
        {name: value for name, value in each.headers.items() if name not in OF_ONE_ANSWER} for each in answers
    ]
    assert told[0] == told[1]
    assert (answers[1].status_code, answers[1].content) == (200, b"")


def test_an_export_in_the_middle_of_which_the_owner_is_deleted_does_not_look_whole(
    own_served_pair: ServedPair,
) -> None:
    person = register(own_served_pair.start())
    import_file(person, as_csv(books(24_000, Author="a" * 200, Publisher="p" * 200)))

    with begun_export(person) as response:
        first = response.read(1000)
        delete(person)
        with pytest.raises(IncompleteRead) as broken:
            response.read()

    assert first.startswith(HEADER.encode())
    assert len(broken.value.partial) < len(as_csv(books(24_000, Author="a" * 200, Publisher="p" * 200))) / 2


def begun_export(person: Person) -> HTTPResponse:
    """Return an export of which little fits between the server and us."""
    sock = socket.socket()
    with sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        sock.settimeout(30)
        sock.connect(("127.0.0.1", person.served.ports["books"]))
        head = f"GET /books/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n"
        sock.sendall(head.encode())
        response = HTTPResponse(sock)
    response.begin()
    return response


def delete(person: Person) -> None:
    """Delete somebody, and wait until books has heard of it."""
    pair = person.served.start("follower")
    headers = {"Authorization": ""}
    answer = person.request("DELETE", "auth", "/me", headers=headers, auth=(person.name, person.password))
    assert answer.status_code == 204, answer.text
    while person.get("/books").status_code == 200:
        pass
    pair.stop("follower")


@pytest.mark.parametrize(("threads", "exports"), [("16", 4), ("4", 1), ("1", 1)])
def test_a_quarter_of_the_threads_writes_exports(
    threads: str, exports: int, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (pair.environment | {"THREADS": threads, "FLASK_RUN_FROM_CLI": "true"}).items():
        monkeypatch.setenv(name, value)

    assert create_app().extensions["exports"].count == exports
