"""Deleted users keep nothing: whatever was being written when it was heard, and whatever is tried later."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from books_service.feed import events as feed
from books_service.feed.events import FeedEvent
from books_service.models import IdempotencyKey
from books_service.shelf import idempotency
from books_service.shelf.put import put_book
from common.errors import TokenRejected
from tests.feed.tellers import Shelves
from tests.pair import Pair
from tests.people import assert_problem, book, register
from tests.waiting import wait_until

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAITING = "SELECT count(*) AS count FROM pg_locks WHERE NOT granted"


def deletion(public_id: str, number: int = 1) -> FeedEvent:
    return FeedEvent(number, "user.deleted", NOW, public_id=public_id)


def apply(shelves: Shelves, *events: FeedEvent, cursor: int = 0, now: datetime = NOW) -> None:
    with shelves.connect() as connection:
        feed.apply(connection, events, cursor=cursor, now=now)


def sweep(shelves: Shelves, *, now: datetime) -> int:
    with shelves.connect() as connection:
        return feed.sweep(connection, now=now)


def put(shelves: Shelves, owner: str, members: dict[str, Any]) -> None:
    with shelves.app.app_context():
        put_book(owner, members, capacity=1000)


def put_once(shelves: Shelves, owner: str, key: str) -> None:
    with shelves.app.app_context():
        idempotency.put_book_once(owner, key, book(), capacity=1000)


def left_of(shelves: Shelves, owner: str) -> dict[str, int]:
    """Return how many rows of the owner's are in each table."""
    tables = ("books", "idempotency_keys", "shelves")
    count = "SELECT count(*) AS count FROM {} WHERE owner = :owner"
    return {table: shelves.execute(count.format(table), owner=owner)[0].count for table in tables}


def test_keys_go_at_once_and_the_shelf_itself_later(own_shelves: Shelves) -> None:
    owner, other = str(uuid.uuid4()), str(uuid.uuid4())
    for each in (owner, other):
        put_once(own_shelves, each, "a-key")

    apply(own_shelves, deletion(owner))
    assert left_of(own_shelves, owner) == {"books": 0, "idempotency_keys": 0, "shelves": 1}
    assert sweep(own_shelves, now=NOW + timedelta(minutes=1)) == 1

    assert left_of(own_shelves, owner) == {"books": 0, "idempotency_keys": 0, "shelves": 0}
    assert left_of(own_shelves, other) == {"books": 1, "idempotency_keys": 1, "shelves": 1}
    with pytest.raises(TokenRejected):
        put_once(own_shelves, owner, "a-key")
    assert left_of(own_shelves, owner) == {"books": 0, "idempotency_keys": 0, "shelves": 0}


def test_more_keys_and_books_than_a_batch_go_at_once(own_shelves: Shelves) -> None:
    owner = str(uuid.uuid4())
    own_shelves.fill(owner, 2 * feed.BATCH + 1)
    row = (
        "INSERT INTO idempotency_keys (owner, key, fingerprint, answer, made_at)"
        " VALUES (:owner, :key, :nothing, :nothing, :now)"
    )
    rows = [
        {"owner": owner, "key": f"{number}", "nothing": b"", "now": "2026-01-02 00:00:00"}
        for number in range(2 * feed.BATCH + 1)
    ]
    with own_shelves.write() as connection:
        connection.execute(text(row), rows)

    apply(own_shelves, deletion(owner))

    assert left_of(own_shelves, owner) == {"books": 0, "idempotency_keys": 0, "shelves": 0}


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_the_follower_waits_for_no_request(own_shelves: Shelves) -> None:
    """A request holds its key and the shelf; if the follower waited for them, its statement would fail."""
    owner = str(uuid.uuid4())
    put_once(own_shelves, owner, "held")
    put_once(own_shelves, owner, "free")
    with own_shelves.write() as other:
        for held in ("idempotency_keys WHERE key = 'held'", "shelves"):
            other.execute(text(f"SELECT 1 FROM {held} FOR UPDATE"))  # noqa: S608 - words of ours
        apply(own_shelves, deletion(owner))
    assert left_of(own_shelves, owner) == {"books": 0, "idempotency_keys": 1, "shelves": 1}

    sweep(own_shelves, now=NOW + timedelta(minutes=1))

    assert left_of(own_shelves, owner) == {"books": 0, "idempotency_keys": 0, "shelves": 0}


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_a_book_that_was_being_written_is_swept_away(own_shelves: Shelves) -> None:
    """Its statement began before the deletion and ends after it: a title that another writes holds it up."""
    owner, written = str(uuid.uuid4()), book()
    with ThreadPoolExecutor() as threads:
        with own_shelves.write() as rival:
            rival.execute(text(own_copy(own_shelves, owner, written)))
            late = threads.submit(put, own_shelves, owner, written)
            wait_until(lambda: own_shelves.execute(WAITING)[0].count, "the statement has begun")
            apply(own_shelves, deletion(owner))
            rival.rollback()
        late.result()
    assert own_shelves.count(owner) == 1  # this is what sweeping is for

    assert sweep(own_shelves, now=NOW + feed.SWEEP_AFTER - timedelta(seconds=1)) == 0
    assert sweep(own_shelves, now=NOW + feed.SWEEP_AFTER + timedelta(seconds=1)) == 1
    assert own_shelves.count(owner) == 0
    assert sweep(own_shelves, now=NOW + timedelta(days=1)) == 0
    with pytest.raises(TokenRejected):
        put(own_shelves, owner, written)


def own_copy(shelves: Shelves, owner: str, written: dict[str, Any]) -> str:
    """Return the statement that puts the same book there."""
    put(shelves, owner, written)
    shelves.execute("CREATE TABLE copies AS SELECT * FROM books WHERE owner = :owner", owner=owner)
    shelves.execute("DELETE FROM books WHERE owner = :owner", owner=owner)
    columns = (
        'owner, name, "Author", "Publisher", book_prize, folded_name, folded_author, folded_publisher, title,'
        " version, created_at, updated_at"
    )
    return f"INSERT INTO books ({columns}) SELECT {columns} FROM copies"  # noqa: S608 - names of ours


def test_a_worker_that_has_not_heard_of_it_refuses_the_token_all_the_same(
    own_pair: Pair, own_shelves: Shelves
) -> None:
    own_pair.start()
    person = register(own_pair)
    own_shelves.execute(
        "INSERT INTO deleted_users (public_id, position, deleted_at) VALUES (:id, 0, :now)",
        id=person.public_id,
        now="2026-01-02 00:00:00",
    )

    assert_problem(person.post("/books", book()), 401, "token is invalid")

    assert own_shelves.count(person.public_id) == 0


def test_what_a_crash_left_is_swept(own_shelves: Shelves) -> None:
    owner = str(uuid.uuid4())
    apply(own_shelves, deletion(owner))
    own_shelves.fill(owner, 2 * feed.BATCH + 1)  # as if it had ended between two batches

    assert sweep(own_shelves, now=NOW + timedelta(minutes=1)) == 1

    assert own_shelves.count(owner) == 0


def test_an_event_is_applied_once(own_shelves: Shelves) -> None:
    owner = str(uuid.uuid4())
    ended = FeedEvent(2, "session.ended", NOW, sid="a-session", until=NOW + timedelta(hours=1))
    apply(own_shelves, deletion(owner), ended)

    with pytest.raises(feed.CursorMoved):
        apply(own_shelves, deletion(owner), ended)

    found = own_shelves.feed()
    assert (found.cursor, found.position, found.users_deleted, found.sessions_ended) == (2, 2, 1, 1)


def test_to_hear_all_again_adds_nothing(own_shelves: Shelves) -> None:
    events = [
        deletion(str(uuid.uuid4())),
        FeedEvent(2, "session.ended", NOW, sid="a-session", until=NOW + timedelta(hours=1)),
        FeedEvent(3, "something.new", NOW),
    ]
    apply(own_shelves, *events)
    before = remembered(own_shelves)
    with own_shelves.connect() as connection:
        feed.reset(connection)

    apply(own_shelves, *events)

    assert remembered(own_shelves) == before
    assert own_shelves.feed().cursor == 3


def remembered(shelves: Shelves) -> list[Any]:
    sessions = shelves.execute("SELECT * FROM ended_sessions")
    return [*sessions, *shelves.execute("SELECT public_id, deleted_at FROM deleted_users")]


def test_a_second_deletion_of_a_user_is_as_new_as_the_first(own_shelves: Shelves) -> None:
    owner, later = str(uuid.uuid4()), NOW + timedelta(hours=1)
    apply(own_shelves, deletion(owner))
    assert sweep(own_shelves, now=NOW + timedelta(minutes=1)) == 1
    own_shelves.fill(owner, 3)

    apply(own_shelves, FeedEvent(2, "something.new", NOW), deletion(owner, 3), cursor=1, now=later)

    [user] = own_shelves.execute("SELECT position, swept_at FROM deleted_users")
    assert (user.position, user.swept_at) == (own_shelves.feed().position, None)
    assert own_shelves.count(owner) == 0
    assert sweep(own_shelves, now=later + timedelta(minutes=1)) == 1


def test_ended_sessions_are_forgotten_once_their_tokens_are_dead(own_shelves: Shelves) -> None:
    events = [
        FeedEvent(number, "session.ended", NOW, sid=f"session-{number}", until=NOW + timedelta(hours=number))
        for number in (1, 2)
    ]
    apply(own_shelves, *events)

    with own_shelves.connect() as connection:
        assert (
            feed.purge_ended_sessions(connection, now=NOW + timedelta(hours=20)) == 0
        )  # a clock may have gone wrong
        assert feed.purge_ended_sessions(connection, now=NOW + timedelta(hours=25, minutes=30)) == 1

    assert own_shelves.execute("SELECT sid FROM ended_sessions") == [("session-2",)]


def test_old_keys_of_requests_are_forgotten(own_shelves: Shelves) -> None:
    day, many = timedelta(hours=24), idempotency.BATCH + 1
    ages = [day] * many + [day - timedelta(seconds=1)]
    keys = [
        {"owner": "somebody", "key": str(number), "fingerprint": b"", "answer": b"", "made_at": NOW - age}
        for number, age in enumerate(ages)
    ]

    with own_shelves.connect() as connection:
        connection.execute(insert(IdempotencyKey), keys)
        idempotency.purge_keys(connection, now=NOW)

    assert own_shelves.execute("SELECT key FROM idempotency_keys") == [(str(many),)]
