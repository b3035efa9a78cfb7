"""A feed that is another one by now: auth was restored from a backup, and all of it is applied again."""

import secrets
from functools import partial
from itertools import cycle
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from books_service.shelf.erasure import USER_DATA
from common.feed import events as feed
from common.feed.events import CursorMoved, FeedEvent, Place
from common.feed.follower import FIRST_BACKOFF
from tests.cases import own_on_postgresql, own_on_sqlite
from tests.common.log_lines import Log
from tests.conftest import keys_of
from tests.feed import followers
from tests.feed.ends import leave, log_out, refused_everywhere
from tests.feed.followers import follow_once
from tests.feed.service_tokens import ask, service_token
from tests.feed.tellers import Shelves, Teller
from tests.feed.test_erasure import NOW
from tests.in_process import applications
from tests.pair import Pair
from tests.people import assert_problem, book, register
from tests.postgres import own_server
from tests.postgres_programs import run_program
from tests.postgres_server import PostgresServer
from tests.waiting import wait_until

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


def applied(shelves: Shelves) -> tuple[int, int, list[str], list[str]]:
    """Return what books has of the feed: the cursor, the number of events, sessions and users."""
    state = shelves.feed()
    sessions = shelves.execute("SELECT sid FROM ended_sessions ORDER BY sid")
    users = shelves.execute("SELECT public_id FROM deleted_users ORDER BY public_id")
    count = state.sessions_ended + state.users_deleted
    return state.cursor, count, [row.sid for row in sessions], [row.public_id for row in users]


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
    sessions = ["a-session", "another-session", "later-session"]
    assert applied(shelves) == (teller.last(), 3 + told_again, sessions, ["a-user", "later-user"])


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
    assert (applied(shelves)[1], BEGUN_AGAIN in log.text) == (2, False)


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

    assert applied(shelves) == (1, 0, [], [])


pair = followers.pair


def restore(postgres: PostgresServer, name: str) -> None:
    """Fill a database aside, and let it take the place of the one in use."""
    aside = postgres.create_database(f"{name}_restored", template="template0")
    run_program("pg_restore", "--exit-on-error", f"--dbname={aside}", f"{name}.dump", cwd=postgres.folder)
    end_all = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(postgres.url(), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute(end_all, [name])
        server.execute(f"ALTER DATABASE {name} RENAME TO {name}_replaced")
        server.execute(f"ALTER DATABASE {name}_restored RENAME TO {name}")


@own_on_postgresql
def test_a_restored_auth_is_followed_from_its_beginning_and_nothing_is_taken_back(
    pair: Pair, postgres: PostgresServer, teller: Teller, shelves: Shelves
) -> None:
    ended, *leavers = (register(pair) for _ in range(4))
    for person in leavers:
        person.add_book()
    leave(leavers[0])
    name = pair.databases["auth"].rpartition("/")[2]
    dump = ("--format=custom", f"--file={name}.dump", pair.databases["auth"])
    run_program("pg_dump", *dump, cwd=postgres.folder)
    log_out(ended)
    leave(leavers[1])
    follow_once(pair)
    before = shelves.feed()

    restore(postgres, name)
    teller.end(*(f"session-{number}" for number in range(150)))  # of which auth gives 100 at once
    leave(leavers[2])
    follow_once(pair, polls=3)  # the first begins again

    after = shelves.feed()
    assert after.epoch != before.epoch
    assert after.cursor == teller.last()
    assert after.position - before.position == teller.last()  # each is applied once
    for person in leavers:
        assert shelves.count(person.public_id) == 0
        assert_problem(person.post("/books", book()), 401, "token is invalid")
    wait_until(partial(refused_everywhere, ended), "books forgets the end")


# Whatever is random is the same in all clusters here.
PREPARE = """
UPDATE feed SET epoch = 'one';
CREATE ROLE {0};
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0};
"""
HIDE = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"


def auth_on(server: PostgresServer, folder: Path) -> Pair:
    """Start auth on a new database of a server, with the keys that are in the folder."""
    name = f"auth_{secrets.token_hex(4)}"
    url = server.create_database(name)
    Pair(folder, databases={"auth": url}, services=["auth"]).prepare()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PREPARE.format(name).encode())
    databases = {"auth": f"{url}?options=-crole%3D{name}"}
    return Pair(folder, databases=databases, services=["auth"]).start()


def epoch_of(pair: Pair) -> str:
    answer = ask(pair, service_token(keys_of(pair)[0]))
    assert answer.status_code == 200
    epoch: str = answer.json()["epoch"]
    return epoch


def test_a_feed_in_another_cluster_or_a_promoted_one_is_of_another_epoch_if_the_role_may_see_it(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    with own_server() as other, auth_on(other, tmp_path / "other") as auth:
        elsewhere = epoch_of(auth)
        with psycopg.connect(auth.databases["auth"].partition("?")[0], autocommit=True) as connection:
            connection.execute(HIDE)
        without_numbers = epoch_of(auth)
    with auth_on(own_postgres, tmp_path / "own") as auth:
        before = epoch_of(auth)
        own_postgres.stop()
        (own_postgres.folder / "data/standby.signal").touch()
        own_postgres.start()
        as_standby = epoch_of(auth)
        with psycopg.connect(own_postgres.url()) as connection:
            connection.execute("SELECT pg_promote()")
        promoted = epoch_of(auth)

    assert as_standby == before
    assert len({elsewhere, before, promoted}) == 3
    assert {epoch.rsplit("-", 2)[0] for epoch in (elsewhere, before, promoted)} == {without_numbers}
