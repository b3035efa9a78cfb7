"""kill -9 under writes, and a reload: what was answered with 201 is there afterwards."""

import signal
from pathlib import Path

import pytest

from tests.books.reading import ids
from tests.pair import KINDS, SERVERS, Pair
from tests.pgbouncer import PgBouncer, pgbouncer
from tests.postgres import or_skip
from tests.postgres_server import PostgresServer
from tests.resilience.alone import make_pair, somebody, wait_for_workers, workers
from tests.resilience.repeaters import Repeaters
from tests.resilience.writers import Writers


@pytest.mark.parametrize(("server", "databases"), [*zip(SERVERS, KINDS, strict=True)], indirect=["databases"])
def test_a_killed_worker_takes_no_promised_book_with_it_and_a_key_makes_one_book(
    server: str, databases: dict[str, str], tmp_path: Path
) -> None:
    with make_pair(tmp_path, "books", databases=databases, SERVER=server) as pair:
        pair.start("books")
        wait_for_workers(pair, other_than=[])  # Granian answers with the first
        with Writers(somebody(pair), count=2) as writers, Repeaters(somebody(pair)) as repeaters:
            repeaters.wait_for_more()
            victim = workers(pair)[0]
            victim.kill()
            wait_for_workers(pair, other_than=[victim])

        assert set(writers.statuses) == {200, 201}
        assert writers.refused == 0
        assert writers.lost() == set()
        assert_one_book_a_key(repeaters)


def test_what_is_killed_behind_the_service_takes_no_promised_book_with_it_and_a_key_makes_one_book(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    own_postgres.create_database("books")
    with or_skip(), pgbouncer(own_postgres) as pooler:
        victims: tuple[PgBouncer | PostgresServer, ...] = (pooler, own_postgres)
        with make_pair(tmp_path, "books", databases={"books": pooler.url("books")}) as pair:
            pair.start("books")
            with Writers(somebody(pair), count=2) as writers, Repeaters(somebody(pair)) as repeaters:
                for victim in victims:
                    repeaters.wait_for_more()
                    victim.kill()
                    victim.start()
                repeaters.wait_for_more()

            assert set(writers.statuses) == {200, 201, 503}
            assert writers.broken == []
            assert writers.lost() == set()
            assert_one_book_a_key(repeaters)


def assert_one_book_a_key(repeaters: Repeaters) -> None:
    """Fail unless the shelf has one book for each answer, which a repeated request gets again."""
    answers = repeaters.answers
    assert {answer.status_code for _, _, answer in answers} == {201}
    assert ids(repeaters.person, limit=200) == sorted(answer.json()["book"]["id"] for _, _, answer in answers)
    for key, sent, answer in answers[:: len(answers) // 20 + 1]:
        again = repeaters.send(key, sent)
        assert (again.content, again.headers["Idempotency-Replayed"]) == (answer.content, "true")


def test_new_workers_and_a_stop_lose_no_reply(tmp_path: Path) -> None:
    """HUP and TERM under keep-alive load: whoever was let in gets every answer."""
    with make_pair(tmp_path, "books") as pair:
        server = pair.start("books").processes["books"]
        with Writers(somebody(pair), count=8) as writers:
            old = workers(pair)
            server.send_signal(signal.SIGHUP)
            wait_for_workers(pair, other_than=old)
            assert writers.refused == 0
            pair.stop("books")

    assert server.returncode == 0
    assert writers.broken == []
    assert set(writers.statuses) == {200, 201}
    with Pair(tmp_path) as writers.person.pair:
        writers.person.pair.start("books")
        assert writers.lost() == set()
