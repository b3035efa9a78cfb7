"""A database that a service cannot use is refused in one sentence, by its migrations and at its start."""

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common.settings import Misconfigured
from tests import programs
from tests.pair import SERVICES, Pair
from tests.postgres_server import PostgresServer
from tests.programs import Program, barrier
from tests.resilience.alone import make_pair
from tests.waiting import TIME

CREATE = "CREATE DATABASE {} TEMPLATE template0 ENCODING '{}' LOCALE_PROVIDER libc LOCALE 'C'"
UPGRADE = "flask --app {}_service db upgrade"


def test_of_two_services_that_migrate_one_database_at_once_one_is_refused_and_does_not_start(
    databases: dict[str, str], tmp_path: Path
) -> None:
    shared = make_pair(tmp_path, databases=dict.fromkeys(SERVICES, databases["auth"]))
    how: dict[str, Any] = {"environment": shared.environment, "together": barrier(2)}
    running = {
        service: Program(*UPGRADE.format(service).split(), output=shared.log(service), **how)
        for service in SERVICES
    }
    ended = {service: program.wait(TIME) for service, program in running.items()}

    assert sorted(ended.values()) == [0, 1]
    (refused,) = [service for service in SERVICES if ended[service]]
    assert shared.log(refused).read_text().count("\n") == 1
    assert "another service's" in shared.log(refused).read_text()
    with pytest.raises(Misconfigured, match="another service's"):
        Pair(tmp_path, databases=shared.databases).start(refused)


@pytest.mark.parametrize(
    ("encoding", "command"),
    [
        ("LATIN1", UPGRADE.format("auth")),
        ("SQL_ASCII", "common.server books_service"),
        ("SQL_ASCII", "flask --app books_service follow"),
    ],
)
def test_a_database_that_is_not_utf8_is_refused(
    postgres: PostgresServer, tmp_path: Path, encoding: str, command: str
) -> None:
    name = f"not_utf8_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(CREATE.format(name, encoding))
    pair = make_pair(tmp_path, databases=dict.fromkeys(SERVICES, postgres.url(name)))

    done = programs.run(*command.split(), environment=pair.environment, timeout=TIME)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert encoding in done.stderr
    assert "UTF8" in done.stderr
