"""The epoch tells clusters of PostgreSQL apart, and the lives of one, to an ordinary role."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import keys_of
from tests.feed.service_tokens import ask, service_token
from tests.pair import Pair
from tests.postgres import own_server
from tests.postgres_server import PostgresServer

Cluster = Callable[[PostgresServer], Pair]

# Whatever is random is the same in all clusters here.
PREPARE = """
UPDATE feed SET epoch = 'one';
CREATE ROLE {0};
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0};
"""
HIDE = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"


@pytest.fixture
def auth_on(template: Path, tmp_path: Path) -> Cluster:
    """Return how to start auth on a new database of a server."""

    def start(server: PostgresServer) -> Pair:
        name = f"auth_{secrets.token_hex(4)}"
        folder, url = tmp_path / name, server.create_database(name)
        shutil.copytree(template, folder)
        Pair(folder, databases={"auth": url}, services=["auth"]).prepare()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(PREPARE.format(name).encode())
        databases = {"auth": f"{url}?options=-crole%3D{name}"}
        return Pair(folder, databases=databases, services=["auth"]).start()

    return start


def epoch_of(pair: Pair) -> str:
    answer = ask(pair, service_token(keys_of(pair)[0]))
    assert answer.status_code == 200
    epoch: str = answer.json()["epoch"]
    return epoch


def test_a_feed_in_another_cluster_or_a_promoted_one_is_of_another_epoch_if_the_role_may_see_it(
    auth_on: Cluster, own_postgres: PostgresServer
) -> None:
    with own_server() as other, auth_on(other) as auth:
        elsewhere = epoch_of(auth)
        with psycopg.connect(auth.databases["auth"].partition("?")[0], autocommit=True) as connection:
            connection.execute(HIDE)
        without_numbers = epoch_of(auth)
    with auth_on(own_postgres) as auth:
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
