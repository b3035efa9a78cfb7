"""The size of a database: asked when the metrics are read, and told of every table in docs/operations.md."""

import re
from collections.abc import Sequence

import pytest
from prometheus_client import Metric
from sqlalchemy import text

from common.ops.metrics import at_scrape
from tests.feed.tellers import Side, Teller
from tests.pair import Pair
from tests.pgbouncer import pgbouncer
from tests.postgres_server import PostgresServer
from tests.readme import section
from tests.resilience.test_migrations import METADATA


@pytest.fixture
def auth(own_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Side:
    """Return an auth of the test's own, whose sizes are asked for."""
    return Teller(own_pair.environment, monkeypatch)


def asked() -> Sequence[Metric]:
    return list(at_scrape["auth_service"].collect())


@pytest.mark.usefixtures("auth")
@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_of_sqlite_the_size_of_its_file_is_told() -> None:
    (size,) = asked()

    assert size.name == "database_file_bytes"
    assert size.samples[0].value >= 4096  # a page of SQLite's


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_rows_are_told_once_they_were_counted(auth: Side) -> None:
    auth.execute("VACUUM ANALYZE feed")

    _, rows = asked()

    assert {"database": "auth_service", "table": "feed"} in [sample.labels for sample in rows.samples]
    assert [sample.value for sample in rows.samples if sample.labels["table"] == "feed"] == [1]


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_sizes_are_those_from_before_while_they_cannot_be_asked(auth: Side) -> None:
    before = asked()
    auth.execute("VACUUM ANALYZE feed")

    with auth.write() as other:
        other.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
        assert asked() == before

    assert asked() != before


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_through_pgbouncer_no_question_waits_for_a_table_when_the_reader_is_gone(
    own_pair: Pair, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pgbouncer(postgres) as pooler:
        url = pooler.url(own_pair.databases["auth"].rpartition("/")[2])
        environment = own_pair.environment | {"AUTH_DATABASE_URL": url}
        with Teller(environment, monkeypatch) as auth, auth.write() as other:
            other.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
            assert asked() == []
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass"
            assert other.execute(text(waiting)).scalar() == 0


@pytest.mark.parametrize("service", METADATA)
def test_the_table_of_what_grows_is_complete(service: str) -> None:
    rows = re.findall(rf"^\| {service} \| `(\w+)` \|", section("docs/operations.md", "## What grows"), re.M)

    assert sorted(rows) == sorted(METADATA[service].tables)
