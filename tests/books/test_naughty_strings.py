"""Strings that break programs: kept byte for byte, or refused, in whatever way they come and go."""

from typing import Any

import pytest

from tests.books.files import CSV, NDJSON, as_csv, as_ndjson, export, import_file, places, shelf_of
from tests.books.naughty import BAD, GOOD
from tests.pair import Pair
from tests.people import Person, book, complaints, register

WRITERS = [(CSV, as_csv), (NDJSON, as_ndjson)]


def guarded(text: str) -> str:
    """Return the cell that stands for a text: an import takes one apostrophe off."""
    return f"'{text}" if text.startswith("'") else text


@pytest.mark.parametrize("text", BAD, ids=lambda text: ascii(text)[:30])
def test_what_is_refused_is_refused_in_whatever_way_it_comes(person: Person, text: str) -> None:
    sent = book(name=text, Author=text, Publisher=text)

    assert sorted(complaints(person.post("/books", sent))) == ["/Author", "/Publisher", "/name"]
    for kind, write in WRITERS:
        found = places(import_file(person, write([sent]), kind))
        assert [pointer for _, pointer in found] == ["/name", "/Author", "/Publisher"]
    assert shelf_of(person) == []


@pytest.mark.parametrize("way", ["json", CSV, NDJSON])
def test_what_is_taken_is_kept_in_whatever_way_it_comes_and_goes(pair: Pair, way: str) -> None:
    person, other = register(pair), register(pair)
    sent = [book(name=text, Author=f"{place}", Publisher=text) for place, text in enumerate(GOOD)]

    put(person, sent, way)

    assert [seen(listed) for listed in person.get("/books?limit=200").json()["list_of_books"]] == sent
    assert shelf_of(person) == sent
    assert import_file(other, export(person, "csv"), CSV).json()["created"] == len(sent)
    assert shelf_of(other) == sent


def put(person: Person, sent: list[dict[str, Any]], way: str) -> None:
    """Put books on the shelf, one by one or by a file."""
    if way == "json":
        for each in sent:
            person.add_book(**each)
    elif way == NDJSON:
        assert import_file(person, as_ndjson(sent), NDJSON).json()["created"] == len(sent)
    else:
        cells = [
            each | {name: guarded(each[name]) for name in ("name", "Author", "Publisher")} for each in sent
        ]
        assert import_file(person, as_csv(cells), CSV).json()["created"] == len(sent)


def seen(listed: dict[str, Any]) -> dict[str, Any]:
    return {name: listed[name] for name in ("name", "Author", "Publisher", "book_prize")}


def test_a_page_is_long_enough_for_all_of_them() -> None:
    assert 80 < len(GOOD) <= 200
