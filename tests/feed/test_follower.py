"""What auth tells reaches books and each worker of it, however long one was away and whatever fails."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from books_service.models import db as books_db
from common.feed.client import AuthUnavailable, parse_page
from common.feed.revocations import RevocationCache
from common.tokens.access import verify
from common.tokens.keys import read_keys
from tests import api
from tests.auth.logins import assert_refused
from tests.cases import every, own_on_sqlite
from tests.common.log_lines import Log
from tests.feed import followers
from tests.feed.ends import ask, disable, leave, log_out, refused_everywhere
from tests.feed.followers import follow_once
from tests.feed.tellers import Shelves, Teller
from tests.pair import Pair
from tests.people import Person, register
from tests.waiting import wait_until

pair = followers.pair

NEW = {"id": 5, "type": "something.new", "at": "2026-01-02T03:04:05Z"}
FAILED, BACK = "ended_not_read", "ended_read_again"


@every("end, left", [(log_out, 1), (disable, 1), (leave, 0)])
def test_a_token_is_revoked_and_refused_once_books_hears_of_the_end(
    pair: Pair, shelves: Shelves, end: Callable[[Person], None], left: int
) -> None:
    person, other = register(pair), register(pair)
    person.add_book()  # so that the token is one that was verified before

    end(person)
    follow_once(pair)

    assert_refused(person.get("/me", "auth"), "token-revoked")
    wait_until(lambda: refused_everywhere(person), "books hears of it")
    assert_refused(ask(person), "token-revoked")
    assert shelves.count(person.public_id) == left
    assert ask(other).status_code == 200


@own_on_sqlite
def test_events_of_a_time_when_auth_was_away_arrive_when_it_is_back(
    pair: Pair, teller: Teller, shelves: Shelves, log: Log
) -> None:
    follower = follow_once(pair)
    teller.end("before")
    follow_once(pair, follower=follower)
    person = register(pair)
    pair.stop("auth")
    teller.end("between")
    follow_once(pair, follower=follower)
    made = person.add_book()
    assert [book["id"] for book in person.get("/books").json()["list_of_books"]] == [made["id"]]
    assert api.get(pair.url("books") + "/readyz").status_code == 200
    assert shelves.feed().cursor == 1
    assert ("feed_away" in log.text, "feed_back" in log.text) == (True, False)

    pair.start("auth")
    follow_once(pair, follower=follower)

    ended = shelves.execute("SELECT sid FROM ended_sessions ORDER BY position")
    assert [row.sid for row in ended] == ["before", "between"]
    assert log.text.count("feed_back") == 1


@own_on_sqlite
def test_a_worker_that_starts_knows_what_ended_before(pair: Pair) -> None:
    person = register(pair)
    log_out(person)
    follow_once(pair)

    pair.stop("books")
    pair.start("books")

    assert ask(person).status_code == 401


@own_on_sqlite
@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        ("UPDATE feed SET heard_at = 'yesterday'", "UPDATE feed SET heard_at = NULL"),
        ("ALTER TABLE deleted_users RENAME TO away", "ALTER TABLE away RENAME TO deleted_users"),
    ],
)
def test_what_a_worker_could_not_read_it_reads_again(
    pair: Pair, shelves: Shelves, log: Log, damage: str, repair: str
) -> None:
    before, after, deleted = register(pair), register(pair), register(pair)
    log_out(before)
    follow_once(pair)
    wait_until(lambda: refused_everywhere(before), "books hears of the first")

    shelves.execute(damage)
    shelves.execute("UPDATE feed SET position = position + 1")  # of what is not new no worker asks
    wait_until(lambda: FAILED in log.text, "the worker notices")
    assert refused_everywhere(before)
    assert api.get(pair.url("books") + "/healthz").status_code == 200
    shelves.execute(repair)
    wait_until(lambda: BACK in log.text, "the worker reads again")
    log_out(after)
    leave(deleted)
    follow_once(pair)

    wait_until(lambda: refused_everywhere(after) and refused_everywhere(deleted), "books hears of the others")
    assert log.text.count(FAILED) == 1


@own_on_sqlite
def test_what_a_fast_clock_forgot_is_known_again_once_it_is_set(pair: Pair, shelves: Shelves) -> None:
    now, person, another = datetime.now(UTC), register(pair), register(pair)
    claims = verify(person.token, read_keys(pair.folder / "keys.json"), now=now.timestamp())
    revocations = RevocationCache(shelves.app, books_db, shelves.app.extensions["settings"])

    def refusal(at: datetime) -> str | None:
        with shelves.app.app_context(), time_machine.travel(at, tick=False):
            revocations.refresh()
            return revocations.refusal(claims)

    log_out(person)
    follow_once(pair)
    seen = [refusal(now)]
    log_out(another)
    follow_once(pair)  # what has expired is dropped when something new is read
    seen += [refusal(now + timedelta(hours=3)), refusal(now)]

    assert seen == ["session", None, "session"]


@own_on_sqlite
@every(
    "max_age, seconds, status, state",
    [("0", 1, 200, "ok"), ("0", 100, 200, "degraded"), ("60", 100, 503, "failing")],
)
def test_readiness_tells_how_long_nothing_was_heard(
    own_pair: Pair, shelves: Shelves, max_age: str, seconds: int, status: int, state: str
) -> None:
    heard_at = datetime.now(UTC) - timedelta(seconds=seconds)
    shelves.execute("UPDATE feed SET heard_at = :at", at=heard_at.strftime("%Y-%m-%d %H:%M:%S"))
    own_pair.environment["FEED_MAX_AGE"] = max_age
    own_pair.start("books")

    answer = api.get(own_pair.url("books") + "/readyz")

    checks = answer.json()["checks"]
    assert (answer.status_code, checks["feed"]) == (status, state)
    assert seconds <= float(checks["feed_age"]) < seconds + 60


@every(
    "events, last",
    [([{**NEW, "id": each} for each in ids], 5) for ids in ([4, 5], [5, 5], [6, 5], [5, 6], [])]
    + [([NEW | wrong], 5) for wrong in ({"type": "session.ended", "sid": "x"}, {"type": "user.deleted"})]
    + [([NEW | wrong], 5) for wrong in ({"at": "now"}, {"id": "5"})]
    + [([NEW], 6), ([{**NEW, "id": 4}], 4)],
)
def test_a_page_that_is_not_what_comes_next_is_none(events: list[dict[str, Any]], last: int) -> None:
    with pytest.raises(AuthUnavailable):
        parse_page(json.dumps({"events": events, "last": last}).encode(), after=4)
