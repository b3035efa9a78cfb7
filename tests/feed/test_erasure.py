"""Deleted users keep nothing: whatever was being written when it was heard, and whatever is tried later."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from books_service.models import Book, IdempotencyKey
from books_service.shelf import erasure, idempotency
from books_service.shelf.erasure import USER_DATA
from books_service.shelf.put import put_book
from common.errors import TokenRejected
from common.feed import events as feed
from common.feed.events import FeedEvent, Place
from tests.cases import own_on_postgresql
from tests.feed.tellers import Shelves
from tests.people import book
from tests.waiting import wait_until

NOTHING = {"books": 0, "idempotency_keys": 0, "shelves": 0}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAITING = "SELECT count(*) AS count FROM pg_locks WHERE NOT granted"


def deletion(public_id: str, number: int = 1) -> FeedEvent:
    return FeedEvent(number, "user.deleted", NOW, public_id=public_id)


def session_end(number: int) -> FeedEvent:
    """Return the end of a session whose tokens live for so many hours."""
    until = NOW + timedelta(hours=number)
    return FeedEvent(number, "session.ended", NOW, sid=f"session-{number}", until=until)


def apply(shelves: Shelves, *events: FeedEvent, cursor: int = 0, now: datetime = NOW) -> None:
    with shelves.connect() as connection:
        feed.apply(connection, USER_DATA, events, place=Place(cursor, None), now=now)


def sweep(shelves: Shelves, *, now: datetime) -> int:
    with shelves.connect() as connection:
        return feed.sweep(connection, USER_DATA, now=now)


def put(shelves: Shelves, owner: str, members: dict[str, Any]) -> None:
    with shelves.app.app_context():
        put_book(owner, members, capacity=1000)


def put_once(shelves: Shelves, owner: str, key: str) -> None:
    with shelves.app.app_context():
        idempotency.put_book_once(owner, key, book(), capacity=1000)


def add_keys(shelves: Shelves, owner: str, ages: list[timedelta]) -> None:
    """Have requests with the keys 0, 1, 2, … been made so long ago."""
    same = {"owner": owner, "fingerprint": b"", "answer": b""}
    keys = [same | {"key": str(number), "made_at": NOW - age} for number, age in enumerate(ages)]
    with shelves.write() as connection:
        connection.execute(insert(IdempotencyKey), keys)


def left_of(shelves: Shelves, owner: str) -> dict[str, int]:
    """Return how many rows of the owner's are in each table."""
    tables = ("books", "idempotency_keys", "shelves")
    count = "SELECT count(*) AS count FROM {} WHERE owner = :owner"
    return {table: shelves.execute(count.format(table), owner=owner)[0].count for table in tables}


def test_keys_go_at_once_and_the_shelf_itself_later(shelves: Shelves) -> None:
    owner, other = str(uuid.uuid4()), str(uuid.uuid4())
    for each in (owner, other):
        put_once(shelves, each, "a-key")

    apply(shelves, deletion(owner))
    assert left_of(shelves, owner) == {"books": 0, "idempotency_keys": 0, "shelves": 1}
    assert sweep(shelves, now=NOW + timedelta(minutes=1)) == 1

    assert left_of(shelves, owner) == NOTHING
    assert left_of(shelves, other) == {"books": 1, "idempotency_keys": 1, "shelves": 1}
    with pytest.raises(TokenRejected):
        put_once(shelves, owner, "a-key")
    assert left_of(shelves, owner) == NOTHING


def test_more_keys_and_books_than_a_batch_go_at_once_or_are_swept_after_a_crash(shelves: Shelves) -> None:
    owner = str(uuid.uuid4())
    shelves.fill(owner, 2 * erasure.BATCH + 1)
    add_keys(shelves, owner, [timedelta()] * (2 * erasure.BATCH + 1))

    apply(shelves, deletion(owner))

    assert left_of(shelves, owner) == NOTHING
    shelves.fill(owner, 2 * erasure.BATCH + 1)  # as if it had ended between two batches
    assert sweep(shelves, now=NOW + timedelta(minutes=1)) == 1
    assert left_of(shelves, owner) == NOTHING


@own_on_postgresql
def test_the_follower_waits_for_no_request(shelves: Shelves) -> None:
    """A request holds its key and the shelf; if the follower waited for them, its statement would fail."""
    owner = str(uuid.uuid4())
    put_once(shelves, owner, "held")
    put_once(shelves, owner, "free")
    with shelves.write() as other:
        for held in ("idempotency_keys WHERE key = 'held'", "shelves"):
            other.execute(text(f"SELECT 1 FROM {held} FOR UPDATE"))  # noqa: S608 - words of ours
        apply(shelves, deletion(owner))
    assert left_of(shelves, owner) == {"books": 0, "idempotency_keys": 1, "shelves": 1}

    sweep(shelves, now=NOW + timedelta(minutes=1))

    assert left_of(shelves, owner) == NOTHING


@own_on_postgresql
def test_a_book_that_was_being_written_is_swept_away(shelves: Shelves) -> None:
    """Its statement began before the deletion and ends after it: a title that another writes holds it up."""
    owner, written = str(uuid.uuid4()), book()
    with ThreadPoolExecutor() as threads:
        with shelves.write() as rival:
            insert_again(rival, shelves, owner, written)
            late = threads.submit(put, shelves, owner, written)
            wait_until(lambda: shelves.execute(WAITING)[0].count, "the statement has begun")
            apply(shelves, deletion(owner))
            rival.rollback()
        late.result()
    assert shelves.count(owner) == 1  # this is what sweeping is for

    # A statement lasts 2.5 s at most, and its transaction is idle for 10 at most.
    assert sweep(shelves, now=NOW + timedelta(seconds=13)) == 0
    assert sweep(shelves, now=NOW + timedelta(minutes=1)) == 1
    assert shelves.count(owner) == 0
    assert sweep(shelves, now=NOW + timedelta(days=1)) == 0
    with pytest.raises(TokenRejected):
        put(shelves, owner, written)


def insert_again(connection: Connection, shelves: Shelves, owner: str, written: dict[str, Any]) -> None:
    """Put a book there in another transaction, as `put` would."""
    put(shelves, owner, written)
    [row] = shelves.execute("SELECT * FROM books WHERE owner = :owner", owner=owner)
    shelves.execute("DELETE FROM books WHERE owner = :owner", owner=owner)
    members = {name: value for name, value in row._mapping.items() if name != "id"}
    connection.execute(insert(Book), members)


def test_an_event_is_applied_once_and_to_hear_all_again_adds_nothing(shelves: Shelves) -> None:
    events = deletion(str(uuid.uuid4())), session_end(2), FeedEvent(3, "something.new", NOW)
    apply(shelves, *events)
    before = remembered(shelves)

    with pytest.raises(feed.CursorMoved):
        apply(shelves, *events)
    found = shelves.feed()
    assert (found.cursor, found.position, found.users_deleted, found.sessions_ended) == (3, 3, 1, 1)
    with shelves.connect() as connection:
        feed.reset(connection)
    apply(shelves, *events)

    assert remembered(shelves) == before
    assert shelves.feed().cursor == 3


def remembered(shelves: Shelves) -> list[Any]:
    sessions = shelves.execute("SELECT * FROM ended_sessions")
    return [*sessions, *shelves.execute("SELECT public_id, deleted_at FROM deleted_users")]


def test_a_second_deletion_of_a_user_is_as_new_as_the_first(shelves: Shelves) -> None:
    owner, later = str(uuid.uuid4()), NOW + timedelta(hours=1)
    apply(shelves, deletion(owner))
    assert sweep(shelves, now=NOW + timedelta(minutes=1)) == 1
    shelves.fill(owner, 3)

    apply(shelves, FeedEvent(2, "something.new", NOW), deletion(owner, 3), cursor=1, now=later)

    [user] = shelves.execute("SELECT position, swept_at FROM deleted_users")
    assert (user.position, user.swept_at) == (shelves.feed().position, None)
    assert shelves.count(owner) == 0
    assert sweep(shelves, now=later + timedelta(minutes=1)) == 1


def test_a_session_that_ends_again_is_known_until_the_tokens_of_the_later_end_are_dead(
    shelves: Shelves,
) -> None:
    """It is live again in an auth that was restored."""
    first, again = session_end(1), replace(session_end(2), sid="session-1")
    apply(shelves, first)

    apply(shelves, again, cursor=1)
    apply(shelves, replace(first, id=3), cursor=2)  # which takes nothing back

    assert shelves.execute("SELECT sid, position FROM ended_sessions") == [("session-1", 2)]
    with shelves.connect() as connection:
        # For a day longer, because a clock may have gone wrong.
        assert feed.purge_ended_sessions(connection, now=NOW + timedelta(hours=25, minutes=30)) == 0
        assert feed.purge_ended_sessions(connection, now=NOW + timedelta(hours=26, minutes=30)) == 1


def test_old_keys_of_requests_are_forgotten(shelves: Shelves) -> None:
    day, many = timedelta(hours=24), idempotency.BATCH + 1
    ages = [day] * many + [day - timedelta(seconds=1)]
    add_keys(shelves, "somebody", ages)

    with shelves.connect() as connection:
        idempotency.purge_keys(connection, NOW)

    assert shelves.execute("SELECT key FROM idempotency_keys") == [(str(many),)]
