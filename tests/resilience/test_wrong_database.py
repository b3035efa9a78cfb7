"""A database that a service cannot use is refused in one sentence, by its migrations and at its start."""

import secrets
from pathlib import Path

import psycopg
import pytest

from tests import programs
from tests.pair import SERVICES
from tests.postgres_server import PostgresServer
from tests.programs import Program, barrier
from tests.resilience.alone import flask_db, make_pair
from tests.served import ServedPair
from tests.waiting import TIME

CREATE = "CREATE DATABASE {} TEMPLATE template0 ENCODING '{}' LOCALE_PROVIDER libc LOCALE 'C'"
FOLLOW = ("flask", "--app", "books_service", "follow")


def upgrade(service: str) -> tuple[str, ...]:
    return ("flask", "--app", f"{service}_service", "db", "upgrade")


def serve(service: str) -> tuple[str, ...]:
    return ("common.server", f"{service}_service")


def refusal(pair: ServedPair, *words: str) -> str:
    """Run what has to fail, and return the one line that it wrote."""
    done = programs.run(*words, environment=pair.environment, timeout=TIME)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture
def shared(databases: dict[str, str], tmp_path: Path) -> ServedPair:
    """Both services with one empty database."""
    return make_pair(tmp_path, databases=dict.fromkeys(SERVICES, databases["auth"]))


def test_of_two_services_that_migrate_one_database_at_once_one_is_refused_and_does_not_start(
    shared: ServedPair,
) -> None:
    together, outputs = barrier(2), {service: shared.folder / f"{service}.out" for service in SERVICES}
    running = {
        service: Program(
            *upgrade(service), environment=shared.environment, output=outputs[service], together=together
        )
        for service in SERVICES
    }
    ended = {service: program.wait(TIME) for service, program in running.items()}

    assert sorted(ended.values()) == [0, 1]
    (refused,) = [service for service in SERVICES if ended[service]]
    assert outputs[refused].read_text().count("\n") == 1
    assert "another service's" in outputs[refused].read_text()
    for words in (upgrade(refused), serve(refused), *([FOLLOW] if refused == "books" else [])):
        assert "another service's" in refusal(shared, *words)


def test_the_follower_refuses_the_database_of_auth(shared: ServedPair) -> None:
    flask_db("auth", "upgrade", environment=shared.environment)

    assert "another service's" in refusal(shared, *FOLLOW)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused(
    postgres: PostgresServer, tmp_path: Path, encoding: str
) -> None:
    name = f"not_utf8_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(CREATE.format(name, encoding))
    pair = make_pair(tmp_path, databases=dict.fromkeys(SERVICES, postgres.url(name)))

    for words in (upgrade("auth"), upgrade("books"), serve("auth"), serve("books"), FOLLOW):
        line = refusal(pair, *words)
        assert encoding in line
        assert "UTF8" in line
