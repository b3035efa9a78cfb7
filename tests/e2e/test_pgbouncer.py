"""The profile `pgbouncer`: both services and the follower reach PostgreSQL through it."""

import json
from collections.abc import Iterator

import pytest

from tests.cases import every
from tests.e2e.stack import Stack
from tests.feed.ends import log_out, refused_everywhere
from tests.pair import SERVICES
from tests.readme import blocks
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

CLIENTS = "SELECT DISTINCT host(client_addr) FROM pg_stat_activity WHERE datname = current_database()"
CLIENTS += " AND client_addr IS NOT NULL"  # psql in the database's own container has none

of_each_service = every("service", SERVICES)


@pytest.fixture(scope="module")
def pooled(stack: Stack) -> Iterator[Stack]:
    """The shared stack, with the settings that docs/operations.md shows."""
    shown, *_ = blocks("docs/operations.md", "## PgBouncer")
    settings = dict(line.split("=") for line in shown.splitlines())
    before = stack.environment.copy()
    stack.environment |= settings
    yield stack.up()
    stack.compose("rm", "--stop", "--force", *(f"{service}-pgbouncer" for service in SERVICES))
    stack.environment = before
    stack.up()


def test_it_serves_and_hears_of_a_logout(pooled: Stack) -> None:
    person = pooled.register()
    book = person.add_book()

    assert person.get("/books").json()["list_of_books"] == [book]
    log_out(person)
    wait_until(lambda: refused_everywhere(person), "books hears of it")


@of_each_service
def test_every_connection_of_a_service_comes_from_its_own_pgbouncer(pooled: Stack, service: str) -> None:
    (network,) = pooled.container(f"{service}-pgbouncer")["NetworkSettings"]["Networks"].values()

    assert pooled.sql(service, CLIENTS) == network["IPAddress"]
    assert pooled.execute(service, "getent", "hosts", "pgbouncer").split()[0] == network["IPAddress"]


@of_each_service
def test_it_knows_the_password_of_one_service_and_shows_it_nobody(pooled: Stack, service: str) -> None:
    (other,) = set(SERVICES) - {service}
    name = f"{service}-pgbouncer"
    password = pooled.execute(name, "cat", f"/run/bookstore/{service}/password")

    shown = json.dumps(pooled.container(name)) + pooled.logs(name)

    assert "process up" in shown
    assert password not in shown
    assert (
        pooled.execute(name, "find", "/run/bookstore", "-type", "f") == f"/run/bookstore/{service}/password"
    )
    assert pooled.execute(name, "stat", "--format=%a %u", "/tmp/users") == "600 10001"  # noqa: S108 - the container's
    assert pooled.attempt("exec", "-T", other, "getent", "hosts", name).returncode != 0
