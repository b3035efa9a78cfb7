"""Strings that break programs: kept byte for byte, or refused, in whatever way they come and go."""

import json
from pathlib import Path
from typing import Any

import pytest

from books_service.transfer.formats import FORMATS
from tests.books.conftest import somebody
from tests.books.files import CSV, NDJSON, as_csv, as_ndjson, export, import_file, places, shelf_of
from tests.cases import on_sqlite
from tests.pair import Pair
from tests.people import Person, book, complaints

STRINGS = json.loads(Path(__file__).with_name("naughty.json").read_text())
GOOD: list[str] = [*STRINGS["good"], "x" * 200, "\U0001f600" * 200, "\ufdfa" * 200]
BAD: list[str] = [*STRINGS["bad"], "x" * 201, "\U0001f600" * 201, "\ufdfa" * 201]
TEXTS = ("name", "Author", "Publisher")


@on_sqlite
def test_what_is_refused_is_refused_in_whatever_way_it_comes(person: Person) -> None:
    books = [book(**dict.fromkeys(TEXTS, text)) for text in BAD]
    wrong = ["/name", "/Author", "/Publisher"]

    assert [sorted(complaints(person.post("/books", each))) for each in books] == [sorted(wrong)] * len(BAD)
    for kind, write in ((CSV, as_csv), (NDJSON, as_ndjson)):
        for each in books:
            assert [pointer for _, pointer in places(import_file(person, write([each]), kind))] == wrong
    assert shelf_of(person) == []


@pytest.mark.parametrize("way", ["json", CSV, NDJSON])
def test_what_is_taken_is_kept_in_whatever_way_it_comes_and_goes(pair: Pair, way: str) -> None:
    person = somebody(pair)
    sent = [
        book(name=text, Author=f"{place}", Publisher=text, book_prize=place or None)
        for place, text in enumerate(GOOD)
    ]

    put(person, sent, way)

    assert [seen(listed) for listed in person.get("/books?limit=200").json()["list_of_books"]] == sent
    assert shelf_of(person) == sent
    for form in FORMATS.values():
        other, file = somebody(pair), export(person, form.name)
        assert import_file(other, file, form.content_type).json() == {"created": len(sent), "skipped": 0}
        assert shelf_of(other) == sent
        assert export(other, form.name) == file
        assert import_file(person, file, form.content_type).json() == {"created": 0, "skipped": len(sent)}


def put(person: Person, sent: list[dict[str, Any]], way: str) -> None:
    """Put books on the shelf, one by one or by a file."""
    if way == "json":
        for each in sent:
            assert seen(person.add_book(**each)) == each
    elif way == NDJSON:
        assert import_file(person, as_ndjson(sent), NDJSON).json()["created"] == len(sent)
    else:
        cells = [each | {name: guarded(each[name]) for name in TEXTS} for each in sent]
        assert import_file(person, as_csv(cells), CSV).json()["created"] == len(sent)


def guarded(text: str) -> str:
    """Return the cell that stands for a text: an import takes one apostrophe off."""
    return f"'{text}" if text.startswith("'") else text


def seen(listed: dict[str, Any]) -> dict[str, Any]:
    return {name: listed[name] for name in (*TEXTS, "book_prize")}
