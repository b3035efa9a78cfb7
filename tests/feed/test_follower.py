"""What auth tells reaches books, however long one of them was away."""

import json
from collections.abc import Callable

import pytest

from common.feed.client import AuthUnavailable, parse_page
from tests import api
from tests.auth.logins import assert_refused
from tests.cases import every
from tests.feed import followers
from tests.feed.ends import ask, disable, leave, log_out, refused_everywhere
from tests.feed.followers import follow_once
from tests.feed.tellers import Shelves, Teller
from tests.pair import Pair
from tests.people import Person, register
from tests.waiting import wait_until

pair = followers.pair

AT = "2026-01-02T03:04:05Z"

own_on_sqlite = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # the same on both


@every("end", [log_out, disable, leave])
def test_a_token_is_revoked_and_refused_once_books_hears_of_the_end(
    pair: Pair, end: Callable[[Person], None]
) -> None:
    person, other = register(pair), register(pair)
    person.add_book()  # so that the token is one that was verified before

    end(person)
    follow_once(pair)

    assert_refused(person.get("/me", "auth"), "token-revoked")
    wait_until(lambda: refused_everywhere(person), "books hears of it")
    assert_refused(ask(person), "token-revoked")
    assert ask(other).status_code == 200


def test_a_deleted_user_leaves_no_book(pair: Pair, shelves: Shelves) -> None:
    person, other = register(pair), register(pair)
    other.add_book()
    shelves.fill(person.public_id, 1200)  # more than one statement deletes

    leave(person)
    follow_once(pair)

    assert (shelves.count(person.public_id), shelves.count(other.public_id)) == (0, 1)
    wait_until(lambda: refused_everywhere(person), "books hears of it")
    assert ask(other).status_code == 200


def test_a_worker_that_starts_knows_what_ended_before(pair: Pair) -> None:
    person = register(pair)
    log_out(person)
    follow_once(pair)

    with Pair(pair.folder, databases=pair.databases) as restarted:
        person.pair = restarted.start("books")
        assert ask(person).status_code == 401


@own_on_sqlite
def test_events_of_a_time_when_auth_was_away_arrive_when_it_is_back(
    pair: Pair, teller: Teller, shelves: Shelves
) -> None:
    teller.end("before")
    follow_once(pair)
    person = register(pair)
    pair.stop("auth")
    teller.end("between")
    follow_once(pair)
    made = person.add_book()
    assert [book["id"] for book in person.get("/books").json()["list_of_books"]] == [made["id"]]
    assert api.get(pair.url("books") + "/readyz").status_code == 200
    assert shelves.feed().cursor == 1

    pair.start("auth")
    follow_once(pair)

    ended = shelves.execute("SELECT sid FROM ended_sessions ORDER BY position")
    assert [row.sid for row in ended] == ["before", "between"]


@every("ids, last", [([3, 4], 4), ([5, 5], 5), ([6, 5], 5), ([5, 6], 7), ([5, 6], 5), ([], 5)])
def test_a_page_that_is_not_in_order_behind_the_cursor_is_none(ids: list[int], last: int) -> None:
    events = [{"id": number, "type": "something.new", "at": AT} for number in ids]

    with pytest.raises(AuthUnavailable):
        parse_page(json.dumps({"events": events, "last": last}).encode(), after=4)


@every("event", [{"type": "session.ended", "sid": "x"}, {"type": "user.deleted"}, {"at": "now"}, {"id": "5"}])
def test_an_event_that_lacks_something_is_none(event: dict[str, str]) -> None:
    events = [{"id": 5, "type": "something.new", "at": AT} | event]

    with pytest.raises(AuthUnavailable):
        parse_page(json.dumps({"events": events, "last": 5}).encode(), after=4)
