"""Idempotency-Key: a user has a thousand at a time, and none for longer than a day."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import requests

from books_service.models import db
from books_service.shelf.idempotency import purge_keys
from tests.books.conftest import post_once, send_at_once, somebody
from tests.books.database import counted, keep, keys_of
from tests.pair import Pair
from tests.people import Person, assert_problem, book, complaints

DAY = timedelta(hours=24)
MESSAGE = "too many idempotency keys"


def refused(answer: requests.Response) -> int:
    """Return after how many seconds a refused key may be sent again."""
    assert_problem(answer, 429, MESSAGE)
    return int(answer.headers["Retry-After"])


def test_past_a_thousand_keys_a_new_one_is_refused_and_those_that_are_kept_replay(
    pair: Pair, person: Person
) -> None:
    keep(person, 999, age=timedelta(hours=3))
    sent = book()
    first = post_once(person, "last", sent)

    wait = refused(post_once(person, "one-more", book()))

    assert first.status_code == 201
    assert 20.9 * 3600 < wait <= 21 * 3600
    again = post_once(person, "last", sent)
    assert (again.status_code, again.content) == (201, first.content)
    assert complaints(post_once(person, "last", book())) == ["Idempotency-Key"]
    assert person.post("/books", book()).status_code == 201
    assert post_once(somebody(pair), "one-more", book()).status_code == 201
    assert counted(person) == (2, 2)
    assert len(keys_of(person)) == 1000


def test_there_is_room_again_when_the_oldest_ends(person: Person) -> None:
    keep(person, 1000, age=DAY)  # to the first of them

    answers = [post_once(person, key, book()) for key in ("new", "newer")]

    assert [answer.status_code for answer in answers] == [201, 429]


def test_an_expired_key_is_a_new_one(person: Person) -> None:
    keep(person, 1001, age=DAY)  # all but the first are kept

    refused(post_once(person, "old-0", book()))


def test_deleted_books_leave_their_keys(person: Person) -> None:
    keep(person, 999)
    person.delete(post_once(person, "last", book()).headers["Location"])

    refused(post_once(person, "one-more", book()))

    assert counted(person) == (0, 0)
    assert len(keys_of(person)) == 1000


def test_this_refusal_comes_behind_422_and_before_409(person: Person) -> None:
    taken = book()
    person.add_book(**taken)
    keep(person, 1000)

    assert complaints(post_once(person, "new", {"name": "x"})) == ["/Author", "/Publisher"]
    refused(post_once(person, "new", taken))


def test_of_many_keys_at_once_no_more_are_kept(person: Person) -> None:
    keep(person, 990)

    answers = send_at_once(
        person, [("POST", "/books", book(), {"Idempotency_Key": f"key-{n}"}) for n in range(24)]
    )

    assert Counter(answer.status_code for answer in answers) == {201: 10, 429: 14}
    assert len(keys_of(person)) == 1000
    assert counted(person) == (10, 10)


def test_keys_of_a_clock_that_was_ahead_live_no_longer_than_a_day(person: Person) -> None:
    keep(person, 1000, age=timedelta(days=-400))

    assert 0 < refused(post_once(person, "new", book())) <= DAY.total_seconds()
    now = datetime.now(UTC)
    purge(person.pair, now)  # as the follower does every minute
    assert len(keys_of(person)) == 1000
    purge(person.pair, now + DAY)
    assert keys_of(person) == set()


def test_a_clock_that_was_not_set_forgets_no_key(person: Person) -> None:
    keep(person, 1)

    purge(person.pair, datetime(1970, 1, 2, tzinfo=UTC))
    purge(person.pair, datetime.now(UTC))

    assert keys_of(person) == {"old-0"}


def purge(pair: Pair, now: datetime) -> None:
    with pair.apps["books"].app_context(), db.read() as connection:
        purge_keys(connection, now=now)
