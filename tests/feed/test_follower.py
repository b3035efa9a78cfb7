"""What auth tells reaches books, however long one of them was away."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from common.feed.client import AuthUnavailable, parse_page
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
