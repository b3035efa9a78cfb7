"""Idempotency-Key: a request that is repeated makes no second book, for a day."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import insert

from books_service.models import IdempotencyKey
from tests.books.conftest import post_once, send_at_once, somebody
from tests.books.database import age_keys, counted, keys_of, transaction
from tests.cases import every, on_postgresql, on_sqlite
from tests.common.wire import send
from tests.pair import Pair
from tests.people import Person, assert_problem, book, complaints

DAY = timedelta(hours=24)
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def new_key() -> str:
    return str(uuid.uuid4())


def assert_replayed(again: requests.Response, first: requests.Response) -> None:
    """Fail unless `again` is the first answer to the byte, and says so."""
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("Location", "ETag", "Content-Type", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


@every("paths", [("/books", "/books"), ("/book", "/books"), ("/books", "/book")])
def test_the_same_key_and_body_give_the_first_answer_again(pair: Pair, paths: tuple[str, str]) -> None:
    person, key, sent = somebody(pair), new_key(), book(name="Straße \U0001f600", book_prize=None)

    first, again = (post_once(person, key, sent, path) for path in paths)

    assert first.status_code == 201
    assert_replayed(again, first)
    person.patch(first.headers["Location"], {"book_prize": 1})
    assert_replayed(post_once(person, key, sent), first)
    assert counted(person) == (1, 1)
    person.delete(first.headers["Location"])
    assert_replayed(post_once(person, key, sent), first)
    assert counted(person) == (0, 0)


@on_sqlite
def test_bodies_are_compared_by_value(person: Person) -> None:
    sent = book(book_prize=12)
    nothing = {name: value for name, value in book().items() if name != "book_prize"}

    reordered = dict(reversed(sent.items())) | {"book_prize": 12.0}
    for one, other in ((sent, reordered), (nothing, nothing | {"book_prize": None})):
        key = new_key()
        first = post_once(person, key, one)
        assert_replayed(post_once(person, key, other), first)


def test_another_body_is_refused(person: Person) -> None:
    key, sent = new_key(), book()
    first = post_once(person, key, sent)

    for other in ({"book_prize": None}, {"name": "another"}, {"Author": "Bea"}, {"Publisher": "House"}):
        assert complaints(post_once(person, key, sent | other)) == ["Idempotency-Key"]
    assert counted(person) == (1, 1)
    assert_replayed(post_once(person, key, sent), first)


def test_a_key_belongs_to_its_owner(pair: Pair, person: Person) -> None:
    key, sent, other = new_key(), book(), somebody(pair)

    first, theirs = post_once(person, key, sent), post_once(other, key, sent)

    assert (first.status_code, theirs.status_code) == (201, 201)
    assert theirs.json() != first.json()
    assert_replayed(post_once(person, key, sent), first)
    assert_replayed(post_once(other, key, sent), theirs)


@every("key", ["x", "X", VISIBLE, "k" * 255, "%00"])
def test_a_key_is_1_to_255_visible_ascii_characters(person: Person, key: str) -> None:
    sent = book()

    first = post_once(person, key, sent)

    assert_replayed(post_once(person, key, sent), first)


@on_sqlite
@every("key", ["", "k" * 256, "a b", "\xe9", "a\tb", "\x80"])
def test_anything_else_is_no_key(person: Person, key: str) -> None:
    found = complaints(post_once(person, key, {"Author": "Ann", "Publisher": "Press"}))

    assert sorted(found) == ["/name", "Idempotency-Key"]  # what is wrong with the body is said beside it
    assert complaints(post_once(person, key, book())) == ["Idempotency-Key"]
    assert counted(person) == (0, 0)


@on_sqlite
@every("keys", [("a", "b"), ("a", "a"), ("a", ""), ("", "")])
def test_two_keys_are_none(person: Person, keys: tuple[str, str]) -> None:
    body = json.dumps(book()).encode()
    lines = [f"Idempotency-Key: {key}" for key in keys] + [f"x-access-tokens: {person.token}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]

    answer = send(person.pair, "books", "POST /books", lines, body)

    assert complaints(answer) == ["Idempotency-Key"]
    assert counted(person) == (0, 0)


def test_a_refusal_is_not_kept(person: Person) -> None:
    key, sent = new_key(), book()
    taken = person.add_book(**sent)
    assert_problem(post_once(person, key, sent), 409, "book already exists")
    assert complaints(post_once(person, key, {})) != []
    assert keys_of(person) == set()
    person.delete(f"/books/{taken['id']}")

    first = post_once(person, key, sent | {"Publisher": "Another"})

    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers


def test_after_a_day_a_key_is_new(person: Person) -> None:
    key, sent = new_key(), book()
    first = post_once(person, key, sent)
    age_keys(person, DAY - timedelta(minutes=1))
    assert_replayed(post_once(person, key, sent), first)

    age_keys(person, DAY)

    assert_problem(post_once(person, key, sent), 409, "book already exists")
    second = post_once(person, key, another := book())
    assert_replayed(post_once(person, key, another), second)


@pytest.mark.parametrize(("bodies", "is_old"), [(1, True), (20, False)])
def test_of_twenty_requests_with_one_key_one_makes_the_book(
    person: Person, bodies: int, is_old: bool
) -> None:
    key, sent = new_key(), [book() for _ in range(bodies)] * (20 // bodies)
    if is_old:
        post_once(person, key, book())
        age_keys(person, DAY)

    paths, headers = ["/book", "/books"] * 10, {"Idempotency_Key": key}
    answers = send_at_once(
        person, [("POST", path, body, headers) for path, body in zip(paths, sent, strict=True)]
    )

    made = [answer for answer in answers if answer.status_code == 201]
    refusals = {409} if bodies == 1 else {409, 422}
    assert {answer.status_code for answer in answers} - {201} <= refusals
    assert len({(answer.content, answer.headers["Location"], answer.headers["ETag"]) for answer in made}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in made) == 1
    assert bodies == 1 or len(made) == 1
    assert counted(person) == (1 + is_old, 1 + is_old)


@on_postgresql
def test_while_the_first_still_runs_the_second_is_told_to_wait(person: Person) -> None:
    """SQLite has one writer: there the second waits for it, whatever it writes."""
    key, sent = new_key(), book()
    row = {"owner": person.public_id, "key": key, "fingerprint": b"", "answer": b""}
    with transaction(person.pair) as first:
        first.execute(insert(IdempotencyKey).values(**row, made_at=datetime.now(UTC)))

        answer = post_once(person, key, sent)

        first.rollback()
    assert_problem(answer, 409, "a request with this key is still running")
    assert answer.headers["Retry-After"] == "1"
    assert post_once(person, key, sent).status_code == 201
