"""What auth tells reaches books: by a follower of which one is at work, through kills and absences."""

import os
import random
import time
import uuid
from collections.abc import Callable

import pytest

from tests import served
from tests.feed.ends import ask, disable, leave, log_out, refused_everywhere, session_of
from tests.feed.followers import Followers
from tests.feed.tellers import Shelves, Teller
from tests.pair import run_flask
from tests.people import Person, register
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

pair = served.pair  # its servers are what is tested

KILLS = int(os.environ.get("BOOKSTORE_TEST_FOLLOWER_KILLS", "6"))
DELETIONS = 10  # a kill
on_sqlite = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # the same on both


@pytest.mark.parametrize("end", [log_out, disable, leave])
def test_a_token_is_refused_once_books_hears_of_the_end(
    followed: ServedPair, end: Callable[[Person], None]
) -> None:
    person, other = register(followed), register(followed)
    person.add_book()  # so that the token is one that was verified before

    end(person)

    wait_until(lambda: refused_everywhere(person), "books hears of it")
    assert ask(other).status_code == 200


def test_a_deleted_user_leaves_no_book(followed: ServedPair, shelves: Shelves) -> None:
    person, other = register(followed), register(followed)
    for each in (person, other):
        each.add_book()
    shelves.fill(person.public_id, 1200)  # more than one statement deletes

    leave(person)

    wait_until(lambda: refused_everywhere(person), "books hears of it")
    wait_until(lambda: shelves.count(person.public_id) == 0, "the books are deleted")
    assert shelves.count(other.public_id) == 1
    assert ask(other).status_code == 200


def test_a_worker_that_starts_knows_what_ended_before(
    own_served_pair: ServedPair, own_shelves: Shelves
) -> None:
    own_served_pair.start()
    person = register(own_served_pair)
    own_shelves.execute(
        "INSERT INTO ended_sessions (sid, until, position) VALUES (:sid, :until, 1)",
        sid=session_of(person),
        until="2100-01-01 00:00:00",
    )
    own_shelves.execute("UPDATE feed SET position = 1")
    own_served_pair.stop("books")
    own_served_pair.start("books")

    assert refused_everywhere(person)


@on_sqlite
def test_events_of_a_time_when_auth_was_away_arrive_when_it_is_back(
    own_served_pair: ServedPair, own_teller: Teller, own_shelves: Shelves, followers: Followers
) -> None:
    own_served_pair.start("auth")
    follower = followers.start()
    own_teller.end("before")
    wait_until(lambda: own_shelves.feed().cursor == 1, "it is applied")
    own_served_pair.stop("auth")
    own_teller.end("between")
    wait_until(lambda: "feed_away" in followers.events(), "the follower finds nobody")

    own_served_pair.start("auth")

    wait_until(lambda: own_shelves.feed().cursor == 2, "it is applied")
    assert follower.poll() is None
    assert [row.sid for row in own_shelves.execute("SELECT sid FROM ended_sessions ORDER BY position")] == [
        "before",
        "between",
    ]


def test_of_two_followers_one_is_at_work(
    own_served_pair: ServedPair, own_teller: Teller, own_shelves: Shelves, followers: Followers
) -> None:
    own_served_pair.start("auth")
    first = followers.start("first")
    wait_until(lambda: "feed_followed" in followers.events("first"), "the first is at work")
    second = followers.start("second", FOLLOWER_HEARTBEAT=str(own_served_pair.folder / "heartbeat"))
    wait_until((own_served_pair.folder / "heartbeat").exists, "the second runs")
    own_teller.end("a-session")
    wait_until(lambda: own_shelves.feed().cursor == 1, "it is applied")
    assert second.poll() is None
    assert followers.events("second") == ""

    followers.kill(first)
    own_teller.end("another-session")

    wait_until(lambda: "feed_applied" in followers.events("second"), "the second applies it")
    assert own_shelves.feed().cursor == 2


@pytest.mark.slow
def test_kills_lose_no_event_and_apply_none_twice(
    own_served_pair: ServedPair, own_teller: Teller, own_shelves: Shelves, followers: Followers
) -> None:
    own_served_pair.start("auth")
    gone = [str(uuid.uuid4()) for _ in range(KILLS * DELETIONS)]
    stay = [str(uuid.uuid4()) for _ in range(20)]
    for owner in gone + stay:
        own_shelves.fill(owner, 3)
    for start in range(0, len(gone), DELETIONS):
        follower = followers.start()
        for owner in gone[start : start + DELETIONS]:
            own_teller.delete(owner)
            time.sleep(random.uniform(0, 0.06))
        followers.kill(follower)

    followers.start()

    wait_until(lambda: own_shelves.feed().cursor == len(gone), "all is applied")
    assert own_shelves.feed().users_deleted == len(gone)
    assert own_shelves.execute("SELECT count(*) AS count FROM deleted_users")[0].count == len(gone)
    assert own_shelves.execute("SELECT count(*) AS count FROM books")[0].count == 3 * len(stay)


@on_sqlite
def test_a_follower_too_far_behind_says_what_to_do_and_goes_on_after_it(
    own_served_pair: ServedPair, own_teller: Teller, own_shelves: Shelves, followers: Followers
) -> None:
    own_teller.end(*(f"session-{number}" for number in range(5)))
    own_teller.delete("a-user")
    own_teller.execute("DELETE FROM events WHERE id < 6")
    own_teller.execute("UPDATE feed SET purged = 5")
    own_shelves.execute("UPDATE feed SET cursor = 2")
    own_served_pair.start("auth")
    followers.start()
    wait_until(lambda: "feed_has_to_be_reset" in followers.events(), "it says so")
    assert "flask --app books_service feed reset" in followers.events()

    assert run_flask("books", "feed", "reset", environment=own_served_pair.environment) == "done"

    wait_until(lambda: own_shelves.feed().cursor == 6, "it goes on")
    assert own_shelves.execute("SELECT public_id FROM deleted_users") == [("a-user",)]
    assert "1 user.deleted" in run_flask("books", "feed", "show", environment=own_served_pair.environment)


@on_sqlite
def test_a_follower_ahead_of_a_restored_feed_says_what_to_do_and_goes_on_after_it(
    own_served_pair: ServedPair, own_teller: Teller, own_shelves: Shelves, followers: Followers
) -> None:
    own_served_pair.start("auth", "books")
    person = register(own_served_pair)
    person.add_book()
    own_shelves.execute("UPDATE feed SET cursor = 1000")
    followers.start()
    wait_until(lambda: "feed_has_to_be_reset" in followers.events(), "it says so")
    assert "flask --app books_service feed reset" in followers.events()
    leave(person)
    assert own_shelves.count(person.public_id) == 1

    assert run_flask("books", "feed", "reset", environment=own_served_pair.environment) == "done"

    wait_until(lambda: own_shelves.feed().cursor == own_teller.last(), "it goes on")
    wait_until(lambda: own_shelves.count(person.public_id) == 0, "the books are deleted")
    wait_until(lambda: refused_everywhere(person), "books hears of it")


@on_sqlite
def test_a_follower_ends_at_term(own_served_pair: ServedPair) -> None:
    own_served_pair.start(FOLLOWER)
    wait_until(lambda: "feed_away" in own_served_pair.log(FOLLOWER).read_text(), "it runs")
    process = own_served_pair.processes[FOLLOWER]

    own_served_pair.stop(FOLLOWER)

    assert process.returncode == 0
    assert "Traceback" not in own_served_pair.log(FOLLOWER).read_text()
