"""PUT /books/<id> takes what GET shows."""

import pytest

from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, book, complaints

SHOWN = ("id", "created_at", "updated_at")


def test_what_get_shows_can_be_put_back(person: Person) -> None:
    made = person.add_book()
    path = f"/books/{made['id']}"

    same = person.put(path, made)
    changed = person.put(path, made | {"Publisher": "House"})

    assert (same.status_code, same.json(), same.headers["ETag"]) == (200, made, '"1"')
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json() == made | {"Publisher": "House", "updated_at": changed.json()["updated_at"]}
    assert person.get(path).json() == changed.json()


@on_sqlite
@every("value", [0, -1, 2**70, 1.5, "x", "a\nb", "", None, True, [[]], {"id": 1}, "2026-01-01T00:00:00Z"])
def test_what_the_service_sets_is_ignored_whatever_it_holds(person: Person, value: object) -> None:
    made = person.add_book()

    answer = person.put(f"/books/{made['id']}", made | dict.fromkeys(SHOWN, value))

    assert (answer.status_code, answer.json()) == (200, made)


@on_sqlite
@every("member", ["owner", "version", "title", "ID", "price"])
def test_nothing_else_is(person: Person, member: str) -> None:
    made = person.add_book()

    assert complaints(person.put(f"/books/{made['id']}", made | {member: 1})) == [f"/{member}"]


@on_sqlite
@pytest.mark.parametrize("member", SHOWN)
def test_no_other_method_takes_it(pair: Pair, person: Person, member: str) -> None:
    made = person.add_book()

    assert complaints(person.post("/books", book() | {member: made[member]})) == [f"/{member}"]
    assert complaints(person.patch(f"/books/{made['id']}", {member: made[member]})) == [f"/{member}"]
    document = pair.apps["books"].test_client().get("/openapi.json").json
    assert document
    body = document["components"]["schemas"]["WholeBook"]["properties"]
    assert [name for name, schema in body.items() if schema.get("readOnly")] == list(SHOWN)
