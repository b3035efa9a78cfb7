"""Idempotency-Key: a request that is repeated makes no second book, for a day; a user has a thousand keys."""

import json
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import insert

from books_service.models import IdempotencyKey, db
from books_service.shelf.idempotency import purge_keys
from tests.books.conftest import age_keys, counted, keep, keys_of, send_at_once, somebody, transaction
from tests.cases import every, on_postgresql, on_sqlite
from tests.common.wire import send
from tests.pair import Pair
from tests.people import Person, assert_problem, book, complaints

DAY = timedelta(hours=24)
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def new_key() -> str:
    return str(uuid.uuid4())


def post_once(person: Person, key: str, sent: object, path: str = "/books") -> requests.Response:
    """Post a book under an idempotency key."""
    return person.post(path, sent, headers=person.with_token(Idempotency_Key=key))


def assert_replayed(again: requests.Response, first: requests.Response) -> None:
    """Fail unless `again` is the first answer to the byte, and says so."""
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    for name in ("Location", "ETag", "Content-Type", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


def refused(answer: requests.Response) -> int:
    """Return after how many seconds a key past the thousandth may be sent again."""
    assert_problem(answer, 429, "too many idempotency keys")
    return int(answer.headers["Retry-After"])


def purge(pair: Pair, now: datetime) -> None:
    """Do what the follower does every minute."""
    with pair.apps["books"].app_context(), db.read() as connection:
        purge_keys(connection, now=now)


@every("paths", [("/books", "/books"), ("/book", "/books"), ("/books", "/book")])
def test_the_same_key_and_body_give_the_owner_the_first_answer_again(
    pair: Pair, paths: tuple[str, str]
) -> None:
    person, other, key = somebody(pair), somebody(pair), new_key()
    sent = book(name="Straße \U0001f600", book_prize=None)

    first, again = (post_once(person, key, sent, path) for path in paths)
    theirs = post_once(other, key, sent)

    assert_replayed(again, first)
    assert theirs.json() != first.json()
    assert_replayed(post_once(other, key, sent), theirs)
    person.patch(first.headers["Location"], {"book_prize": 1})
    assert_replayed(post_once(person, key, sent), first)
    assert counted(person) == (1, 1)
    person.delete(first.headers["Location"])
    assert_replayed(post_once(person, key, sent), first)
    assert counted(person) == (0, 0)


def test_bodies_are_compared_by_value(person: Person) -> None:
    sent = book(book_prize=12)
    nothing = {name: value for name, value in book().items() if name != "book_prize"}
    reordered = dict(reversed(sent.items())) | {"book_prize": 12.0}

    for one, other in ((sent, reordered), (nothing, nothing | {"book_prize": None})):
        key = new_key()
        first = post_once(person, key, one)
        for change in ({"book_prize": 1}, {"name": "another"}, {"Author": "Bea"}, {"Publisher": "House"}):
            assert complaints(post_once(person, key, one | change)) == ["Idempotency-Key"]
        assert_replayed(post_once(person, key, other), first)
    assert counted(person) == (2, 2)


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

    other = sent | {"Publisher": "Another"}
    first = post_once(person, key, other)
    assert_replayed(post_once(person, key, other), first)


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


def test_past_a_thousand_keys_a_new_one_is_refused_and_those_that_are_kept_replay(
    pair: Pair, person: Person
) -> None:
    keep(person, 999, age=timedelta(hours=3))
    sent, taken = book(), book()
    first = post_once(person, "last", sent)

    wait = refused(post_once(person, "one-more", book()))

    assert 20.9 * 3600 < wait <= 21 * 3600
    assert_replayed(post_once(person, "last", sent), first)
    assert complaints(post_once(person, "last", book())) == ["Idempotency-Key"]
    assert complaints(post_once(person, "one-more", {"name": "x"})) == ["/Author", "/Publisher"]
    assert person.post("/books", taken).status_code == 201
    refused(post_once(person, "one-more", taken))  # before the 409
    assert post_once(somebody(pair), "one-more", book()).status_code == 201
    assert person.delete(first.headers["Location"]).status_code == 200  # which leaves the key
    refused(post_once(person, "one-more", book()))
    assert (counted(person), len(keys_of(person))) == ((1, 1), 1000)


def test_there_is_room_again_when_the_oldest_ends_and_only_then(person: Person, pair: Pair) -> None:
    keep(person, 1000, age=DAY)  # to the first of them
    other = somebody(pair)
    keep(other, 1001, age=DAY)  # all but the first are kept

    assert post_once(person, "new", book()).status_code == 201
    refused(post_once(person, "newer", book()))
    refused(post_once(other, "old-0", book()))  # which is as good as new


def test_of_many_keys_at_once_no_more_are_kept(person: Person) -> None:
    keep(person, 990)

    answers = send_at_once(
        person, [("POST", "/books", book(), {"Idempotency_Key": f"key-{n}"}) for n in range(24)]
    )

    assert Counter(answer.status_code for answer in answers) == {201: 10, 429: 14}
    assert (counted(person), len(keys_of(person))) == ((10, 10), 1000)


def test_keys_of_a_clock_that_was_ahead_live_no_longer_than_a_day(person: Person) -> None:
    keep(person, 1000, age=timedelta(days=-400))

    assert 0 < refused(post_once(person, "new", book())) <= DAY.total_seconds()
    now = datetime.now(UTC)
    for other in (datetime(1970, 1, 2, tzinfo=UTC), now):  # of a clock that was not set, which forgets none
        purge(person.pair, other)
        assert len(keys_of(person)) == 1000
    purge(person.pair, now + DAY)
    assert keys_of(person) == set()
