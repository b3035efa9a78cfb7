"""Deleted users keep nothing: whatever was being written when it was heard, and whatever is tried later."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from books_service.models import Book, IdempotencyKey
from books_service.shelf import erasure, idempotency
from books_service.shelf.erasure import USER_DATA
from books_service.shelf.put import new_row, put_book
from common.errors import TokenRejected
from common.feed import events as feed
from common.feed.events import FeedEvent, Place
from tests.cases import own_on_postgresql
from tests.feed.tellers import Shelves
from tests.people import book
from tests.waiting import wait_until

NOTHING = {"books": 0, "idempotency_keys": 0, "shelves": 0}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
A_MINUTE_LATER = NOW + timedelta(minutes=1)
WAITING = "SELECT count(*) AS count FROM pg_locks WHERE NOT granted"
DELETION = FeedEvent(1, "user.deleted", NOW, public_id="owner")


def session_end(number: int) -> FeedEvent:
    """Return the end of a session whose tokens live for so many hours."""
    until = NOW + timedelta(hours=number)
    return FeedEvent(number, "session.ended", NOW, sid=f"session-{number}", until=until)


def apply(shelves: Shelves, *events: FeedEvent, cursor: int = 0, now: datetime = NOW) -> None:
    with shelves.connect() as connection:
        feed.apply(connection, USER_DATA, events, place=Place(cursor, None), now=now)


def sweep(shelves: Shelves, *, now: datetime = A_MINUTE_LATER) -> int:
    with shelves.connect() as connection:
        return feed.sweep(connection, USER_DATA, now=now)


def put(shelves: Shelves, members: dict[str, Any]) -> None:
    with shelves.app.app_context():
        put_book("owner", members, capacity=1000)


def put_once(shelves: Shelves, owner: str, key: str) -> None:
    with shelves.app.app_context():
        idempotency.put_book_once(owner, key, book(), capacity=1000)


def left_of(shelves: Shelves, owner: str) -> dict[str, int]:
    """Return how many rows of the owner's are in each table."""
    count = "SELECT count(*) AS count FROM {} WHERE owner = :owner"
    return {table: shelves.execute(count.format(table), owner=owner)[0].count for table in NOTHING}


def test_books_and_keys_go_at_once_the_shelf_and_what_a_crash_left_later(shelves: Shelves) -> None:
    for each in ("owner", "other"):
        put_once(shelves, each, "a-key")
    many = 2 * erasure.BATCH + 1
    shelves.fill("owner", many)
    same = {"owner": "owner", "fingerprint": b"", "answer": b"", "made_at": NOW}
    with shelves.write() as connection:
        connection.execute(insert(IdempotencyKey), [same | {"key": str(number)} for number in range(many)])

    apply(shelves, DELETION)
    assert left_of(shelves, "owner") == NOTHING | {"shelves": 1}
    shelves.fill("owner", many)  # as if it had ended between two batches
    assert sweep(shelves) == 1

    assert left_of(shelves, "owner") == NOTHING
    assert left_of(shelves, "other") == {"books": 1, "idempotency_keys": 1, "shelves": 1}
    with pytest.raises(TokenRejected):
        put_once(shelves, "owner", "a-key")
    assert left_of(shelves, "owner") == NOTHING


@own_on_postgresql
def test_the_follower_waits_for_no_request(shelves: Shelves) -> None:
    """A request holds its key and the shelf; if the follower waited for them, its statement would fail."""
    put_once(shelves, "owner", "held")
    put_once(shelves, "owner", "free")
    with shelves.write() as other:
        for held in ("idempotency_keys WHERE key = 'held'", "shelves"):
            other.execute(text(f"SELECT 1 FROM {held} FOR UPDATE"))  # noqa: S608 - words of ours
        apply(shelves, DELETION)
    assert left_of(shelves, "owner") == {"books": 0, "idempotency_keys": 1, "shelves": 1}

    sweep(shelves)

    assert left_of(shelves, "owner") == NOTHING


@own_on_postgresql
def test_a_book_that_was_being_written_is_swept_away(shelves: Shelves) -> None:
    """Its statement began before the deletion and ends after it: a title that another writes holds it up."""
    written = book()
    with ThreadPoolExecutor() as threads:
        with shelves.write() as rival:
            rival.execute(insert(Book), new_row("owner", written, NOW))
            late = threads.submit(put, shelves, written)
            wait_until(lambda: shelves.execute(WAITING)[0].count, "the statement has begun")
            apply(shelves, DELETION)
            rival.rollback()
        late.result()
    assert shelves.count("owner") == 1  # this is what sweeping is for

    # A statement lasts 2.5 s at most, and its transaction is idle for 10 at most.
    assert sweep(shelves, now=NOW + timedelta(seconds=13)) == 0
    assert sweep(shelves) == 1
    assert shelves.count("owner") == 0
    assert sweep(shelves, now=NOW + timedelta(days=1)) == 0
    with pytest.raises(TokenRejected):
        put(shelves, written)


def test_an_event_is_applied_once_and_to_hear_all_again_adds_nothing(shelves: Shelves) -> None:
    events = DELETION, session_end(2), FeedEvent(3, "something.new", NOW)
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
    later = NOW + timedelta(hours=1)
    apply(shelves, DELETION)
    assert sweep(shelves) == 1
    shelves.fill("owner", 3)

    apply(shelves, FeedEvent(2, "something.new", NOW), replace(DELETION, id=3), cursor=1, now=later)

    [user] = shelves.execute("SELECT position, swept_at FROM deleted_users")
    assert (user.position, user.swept_at) == (shelves.feed().position, None)
    assert shelves.count("owner") == 0
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
