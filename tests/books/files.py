"""What the tests of export and import send and read."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import requests

from tests.people import Person

MEMBERS = ("name", "Author", "Publisher", "book_prize")
HEADER = "name,Author,Publisher,book_prize\r\n"
CSV = "text/csv"
NDJSON = "application/x-ndjson"

Book = Mapping[str, Any]


def import_file(
    person: Person, body: object, kind: str = CSV, query: str = "", **headers: str
) -> requests.Response:
    """Import a file, bytes or the pieces of it, with a query such as `?dry_run=1`."""
    sent = {"Authorization": f"Bearer {person.token}", "Content-Type": kind}
    data = body.encode() if isinstance(body, str) else body
    return person.request("POST", "books", f"/books/import{query}", data=data, headers=sent | headers)


def export(person: Person, name: str = "csv") -> bytes:
    """Return the shelf as a file."""
    answer = person.get(f"/books/export?format={name}")
    assert answer.status_code == 200, answer.text
    return answer.content


def shelf_of(person: Person) -> list[dict[str, Any]]:
    """Return the members of all books on the shelf, by id."""
    return [json.loads(line) for line in export(person, "ndjson").splitlines()]


def books(count: int, **members: Any) -> list[dict[str, Any]]:
    """Return books whose names differ."""
    common = {"Author": "Ann", "Publisher": "Press", "book_prize": 12} | members
    return [{"name": f"Book {number}"} | common for number in range(count)]


def as_csv(rows: Iterable[Book]) -> bytes:
    """Return books as a spreadsheet would save them: nothing is done to any cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([MEMBERS, *([book[name] for name in MEMBERS] for book in rows)])
    return text.getvalue().encode()


def as_ndjson(rows: Iterable[Book]) -> bytes:
    return b"".join(json.dumps(book).encode() + b"\n" for book in rows)


def places(answer: requests.Response) -> list[tuple[int, str]]:
    """Return line and pointer of each complaint of a 422."""
    assert answer.status_code == 422, answer.text
    return [(error["line"], error["pointer"]) for error in answer.json()["errors"]]
