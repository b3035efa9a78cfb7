"""PUT and PATCH of a book: what they change, what they leave, and what they refuse."""

from typing import Any

import pytest
import requests
from sqlalchemy import select

from books_service.models import Shelf
from tests.books.conftest import send_at_once, transaction
from tests.cases import every, on_postgresql, on_sqlite
from tests.people import Person, assert_problem, book, complaints

MERGE_PATCH = "application/merge-patch+json"
SET_BY_US = ["id", "created_at", "updated_at"]  # what GET shows and PUT takes, but ignores


def path_of(made: dict[str, Any]) -> str:
    return f"/books/{made['id']}"


def shown(answer: requests.Response, version: int) -> dict[str, Any]:
    """Return the book of an answer, which is of this version."""
    assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{version}"'), answer.text
    book: dict[str, Any] = answer.json()
    return book


def send(person: Person, method: str, path: str, body: bytes, kind: str) -> requests.Response:
    """Send a body as it is, with its media type."""
    return person.request(method, "books", path, data=body, headers=person.with_token(Content_Type=kind))


@every(
    "method, sent",
    [("PUT", book(Author="Bea", Publisher="House", book_prize=0))]
    + [("PATCH", {"name": "Другая"}), ("PATCH", {"Author": "Bea"}), ("PATCH", {"Publisher": "House"})]
    + [("PATCH", {"book_prize": 0}), ("PATCH", {"book_prize": None})],
)
def test_a_change_is_of_what_it_names(person: Person, method: str, sent: dict[str, object]) -> None:
    made = person.add_book()

    answer = person.request(method, "books", path_of(made), json=sent)

    changed = shown(answer, 2)
    assert changed == made | sent | {"updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert person.get(path_of(made)).json() == changed
    assert changed in person.get("/books").json()["list_of_books"]
    person.delete(path_of(made))  # its title is free for the next


@on_sqlite
def test_put_without_a_prize_takes_it_away_and_needs_every_other_member(person: Person) -> None:
    made, sent = person.add_book(), book()
    for member in ("name", "Author", "Publisher"):
        part = {name: value for name, value in sent.items() if name != member}
        assert complaints(person.put(path_of(made), part)) == [f"/{member}"]
    assert person.get(path_of(made)).json() == made
    del sent["book_prize"]

    assert shown(person.put(path_of(made), sent), 2)["book_prize"] is None


@on_sqlite
def test_patch_takes_an_object_of_two_media_types_and_tells_them_and_put_takes_no_patch(
    person: Person,
) -> None:
    path = path_of(person.add_book())
    good = (MERGE_PATCH, "application/json", f"{MERGE_PATCH}; charset=utf-8", MERGE_PATCH.title())
    bad = ("text/plain", "application/json-patch+json", f"{MERGE_PATCH}; charset=latin1")

    assert [send(person, "PATCH", path, b"{}", kind).status_code for kind in good] == [200] * 4
    for sent in (b"null", b"[]", b'"x"', b"1", b"true", b'[{"op": "remove", "path": "/name"}]'):
        assert complaints(send(person, "PATCH", path, sent, MERGE_PATCH)) == [""]
    for kind in bad:
        patch = send(person, "PATCH", path, b"{}", kind)
        assert_problem(patch, 415, f"the body must be {MERGE_PATCH} or application/json in UTF-8")
        assert patch.headers["Accept-Patch"] == f"{MERGE_PATCH}, application/json"
    put = send(person, "PUT", path, b"{}", MERGE_PATCH)
    assert_problem(put, 415, "the body must be application/json in UTF-8")


@on_sqlite
@every(
    "member, value",
    [("name", None), ("Author", None), ("Publisher", None), ("name", ""), ("name", "x" * 201), ("Author", 1)]
    + [("book_prize", -1), ("book_prize", "12"), ("owner", "x"), *((name, None) for name in SET_BY_US)],
)
def test_a_patch_that_breaks_a_rule_changes_nothing(person: Person, member: str, value: object) -> None:
    made = person.add_book()

    answer = person.patch(path_of(made), {"Publisher": "House"} | {member: value})

    assert complaints(answer) == [f"/{member}"]
    assert person.get(path_of(made)).json() == made


@every("method", ["PUT", "PATCH"])
def test_what_changes_nothing_makes_no_new_version(person: Person, method: str) -> None:
    sent = book(book_prize=12)
    made = person.add_book(**sent)

    assert shown(person.request(method, "books", path_of(made), json=sent | {"book_prize": 12.0}), 1) == made
    assert shown(person.patch(path_of(made), {}), 1) == made
    assert shown(person.put(path_of(made), made), 1) == made  # what GET shows


@on_sqlite
def test_put_ignores_what_the_service_sets_whatever_it_holds_and_nothing_else(person: Person) -> None:
    made = person.add_book()

    values: list[object] = [0, 2**70, 1.5, "x", "a\nb", None, True, [[]], {"id": 1}, "2026-01-01T00:00:00Z"]
    for value in values:
        assert shown(person.put(path_of(made), made | dict.fromkeys(SET_BY_US, value)), 1) == made
    for member in ("owner", "version", "title", "ID", "price"):
        assert complaints(person.put(path_of(made), made | {member: 1})) == [f"/{member}"]
    document = person.get("/openapi.json").json()
    body = document["components"]["schemas"]["WholeBook"]["properties"]
    assert [name for name, schema in body.items() if schema.get("readOnly")] == SET_BY_US
    assert shown(person.put(path_of(made), made | {"Publisher": "House"}), 2)["Publisher"] == "House"


def test_a_title_that_another_book_has_is_refused_and_one_that_it_had_is_free(person: Person) -> None:
    old, other = book(name="strasse", Author="ann"), person.add_book()
    path = path_of(person.add_book(**old))

    spelled = shown(person.patch(path, {"name": "Straße", "Author": "Ann"}), 2)
    assert (spelled["name"], spelled["Author"]) == ("Straße", "Ann")
    taken = book(name="STRASSE", Author="ANN")
    for answer in (person.post("/books", taken), person.put(path_of(other), taken)):
        assert_problem(answer, 409, "book already exists")
    assert_problem(person.patch(path_of(other), taken), 409, "book already exists")
    assert person.get(path_of(other)).json() == other
    shown(person.put(path, new := book(name="Another")), 3)

    assert_problem(person.post("/books", new), 409, "book already exists")
    assert person.post("/books", old).status_code == 201


@pytest.mark.parametrize("half", ["book_prize", "name"])
def test_of_simultaneous_changes_without_a_condition_none_is_lost(person: Person, half: str) -> None:
    """Half of them change the publisher, the others another member, which may be in the title or not."""
    path = path_of(person.add_book())
    values: list[object] = [f"Name {n}" if half == "name" else 100 + n for n in range(10)]
    changes = [{"Publisher": f"House {n}"} for n in range(10)] + [{half: value} for value in values]

    answers = send_at_once(person, [("PATCH", path, change, {}) for change in changes])

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(int(answer.headers["ETag"].strip('"')) for answer in answers) == list(range(2, 22))
    last = shown(person.get(path), 21)
    assert last["Publisher"].startswith("House ")
    assert last[half] in values


@on_postgresql  # SQLite has one writer
def test_a_change_that_keeps_the_title_waits_for_nobody_who_writes_to_the_shelf(person: Person) -> None:
    path = path_of(person.add_book())
    with transaction(person.pair) as writer:
        writer.execute(select(Shelf.books).where(Shelf.owner == person.public_id).with_for_update())

        assert person.patch(path, {"Publisher": "House"}).status_code == 200


def test_changes_that_swap_titles_do_not_block_one_another(person: Person) -> None:
    """Each finds its title taken. On PostgreSQL they would wait for one another, could both be under way."""
    titles = [{"name": name, "Author": "Ann"} for name in ("One", "Two")]
    paths = [path_of(person.add_book(**title)) for title in titles]

    answers = send_at_once(person, [("PATCH", paths[n % 2], titles[1 - n % 2], {}) for n in range(20)])

    assert {answer.status_code for answer in answers} == {409}
    assert [found["name"] for found in person.get("/books").json()["list_of_books"]] == ["One", "Two"]
