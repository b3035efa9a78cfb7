"""A feed that is another one by now: auth was restored from a backup, and all of it is applied again."""

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from books_service.shelf.erasure import USER_DATA
from common.feed import events as feed
from common.feed.events import CursorMoved, FeedEvent, Place
from common.feed.follower import FIRST_BACKOFF
from tests.cases import own_on_sqlite
from tests.common.log_lines import Log
from tests.conftest import keys_of
from tests.feed import followers
from tests.feed.followers import follow_once
from tests.feed.service_tokens import ask, service_token
from tests.feed.tellers import Shelves, Teller
from tests.feed.test_erasure import NOW
from tests.in_process import applications
from tests.pair import Pair

pair = followers.pair

BEGUN_AGAIN = "feed_begun_again"

# What is done to auth's database after three events, and how many of five books has not applied then.
DOES_NOT_GO_ON = [
    # Restored, and by now with other events below the same numbers.
    (["DELETE FROM events WHERE id > 1", "UPDATE feed SET last = 1, epoch = 'another'"], 3),
    # Restored in a way that renewed nothing: the feed ends before the cursor.
    (["DELETE FROM events", "UPDATE feed SET last = 0"], 2),
    # Not restored, but the follower was away for too long.
    (["DELETE FROM events", "UPDATE feed SET last = 9, purged = 9"], 2),
]


def applied(shelves: Shelves) -> dict[str, Any]:
    """Return what books has of the feed."""
    state = shelves.feed()
    sessions = shelves.execute("SELECT sid FROM ended_sessions ORDER BY sid")
    users = shelves.execute("SELECT public_id FROM deleted_users ORDER BY public_id")
    return {
        "cursor": state.cursor,
        "events": state.sessions_ended + state.users_deleted,
        "sessions": [row.sid for row in sessions],
        "users": [row.public_id for row in users],
    }


@own_on_sqlite
@pytest.mark.parametrize(("damage", "told_again"), DOES_NOT_GO_ON)
def test_a_feed_that_does_not_go_on_is_applied_again(
    pair: Pair, teller: Teller, shelves: Shelves, log: Log, damage: list[str], told_again: int
) -> None:
    teller.end("a-session")
    teller.delete("a-user")
    teller.end("another-session")
    follow_once(pair)
    for statement in damage:
        teller.execute(statement)
    teller.end("later-session")
    teller.delete("later-user")

    follow_once(pair)
    follow_once(pair)

    assert log.text.count(BEGUN_AGAIN) == 1
    assert applied(shelves) == {
        "cursor": teller.last(),
        "events": 3 + told_again,
        "sessions": ["a-session", "another-session", "later-session"],
        "users": ["a-user", "later-user"],
    }


@own_on_sqlite
def test_an_operator_sees_how_far_the_feed_is_applied_and_can_have_it_applied_again(
    pair: Pair, teller: Teller
) -> None:
    teller.delete("a-user")
    follow_once(pair)
    assert "1 user.deleted" in pair.run("books", "feed", "show")

    assert pair.run("books", "feed", "reset") == "done"
    assert "cursor 0 of epoch" in pair.run("books", "feed", "show")
    follow_once(pair)

    assert "2 user.deleted" in pair.run("books", "feed", "show")


@own_on_sqlite
def test_a_follower_or_an_auth_that_knows_of_no_epoch_yet_begins_nothing_again(
    pair: Pair, teller: Teller, shelves: Shelves, log: Log
) -> None:
    teller.end("a-session")
    follow_once(pair)
    epoch, old_auth = shelves.feed().epoch, Flask("old_auth")
    event = {"id": 2, "type": "user.deleted", "at": "2026-01-02T03:04:05Z", "public_id": "a-user"}
    old_auth.add_url_rule("/events", view_func=lambda: {"events": [event], "last": 2})

    shelves.execute("UPDATE feed SET epoch = NULL")  # as it is after the upgrade of a follower
    follow_once(pair)
    assert shelves.feed().epoch == epoch
    applications[pair.host("auth")] = old_auth
    follow_once(pair)

    assert (shelves.feed().cursor, shelves.feed().epoch) == (2, epoch)
    assert (applied(shelves)["events"], BEGUN_AGAIN in log.text) == (2, False)


@own_on_sqlite
def test_two_auths_behind_one_name_are_asked_ever_more_rarely(pair: Pair) -> None:
    epochs, auths = cycle("ab"), Flask("two_auths")
    auths.add_url_rule("/events", view_func=lambda: {"events": [], "last": 0, "epoch": next(epochs)})
    applications[pair.host("auth")] = auths

    follower = follow_once(pair, polls=3)  # the first epoch is adopted, the others begin again

    assert follower.backoff == 4 * FIRST_BACKOFF


@own_on_sqlite
def test_a_second_follower_with_events_of_the_epoch_before_changes_nothing(shelves: Shelves) -> None:
    shelves.execute("UPDATE feed SET cursor = 1, epoch = 'one'")
    before = Place(1, "one")
    event = FeedEvent(2, "user.deleted", NOW, public_id="a-user")

    with shelves.connect() as connection:
        assert feed.move(connection, before, Place(1, "two"))  # the other, which has come as far again
        assert not feed.move(connection, before, Place(0, "two"))
        with pytest.raises(CursorMoved):
            feed.apply(connection, USER_DATA, [event], place=before, now=NOW)

    assert applied(shelves) == {"cursor": 1, "events": 0, "sessions": [], "users": []}


def test_a_request_that_waits_tells_the_epoch_of_the_events_that_it_answers(
    pair: Pair, teller: Teller
) -> None:
    token = service_token(keys_of(pair)[0])
    before = ask(pair, token).json()["epoch"]
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(ask, pair, token, wait=30)
        with teller.write() as connection:
            connection.execute(text("UPDATE feed SET last = 1, epoch = 'another'"))
            row = "INSERT INTO events (id, type, at, public_id) VALUES (1, 'user.deleted', :at, 'a-user')"
            connection.execute(text(row), {"at": "2026-01-02 03:04:05"})

    page = answer.result().json()
    assert [event["public_id"] for event in page["events"]] == ["a-user"]
    assert page["epoch"].startswith("another")
    assert page["epoch"] != before
