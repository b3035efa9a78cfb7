"""A stack with all that an operator can add: secrets of their own, PgBouncer and monitoring."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import Any

import jwt
import pytest

from tests import api
from tests.cases import every
from tests.e2e import faults
from tests.e2e.nginx import log_lines
from tests.e2e.profiles import REPLICAS, add_profiles, read_secrets
from tests.e2e.stack import Stack, clone, service_of
from tests.feed.ends import log_out, refused_everywhere
from tests.monitoring.rules import ALERTS, metrics
from tests.pair import SERVICES
from tests.waiting import TIME, wait_until

pytestmark = pytest.mark.compose

CLIENTS = "SELECT DISTINCT host(client_addr) FROM pg_stat_activity WHERE datname = current_database()"
CLIENTS += " AND client_addr IS NOT NULL"  # psql in the database's own container has none
FIRING = 'ALERTS{alertstate="firing"}'
WITHIN = 300  # seconds for alerts to fire, and for all to end, on a busy machine
# A port that each reaches, of its own; and those, of others, that it may not.
LISTENS = {"nginx": "5000", "auth": "5001", "postgres-exporter": "9187"}
NOT_REACHED = {
    "nginx": ["auth/9101", "books/9102", "follower/9103", "prometheus/9090", "postgres-exporter/9187"],
    "auth": ["nginx/8081", "postgres-exporter/9187"],
    "postgres-exporter": ["auth/5001", "books/5002", "nginx/5001"],
}
REACH = 'for port; do timeout 3 bash -c "exec 3<>/dev/tcp/$port" && echo "$port" & done; wait'
Fault = Callable[[Stack, ExitStack], None]
# What is broken at once, each with the alerts that it is for; a crowd would keep out who guesses passwords.
BROKEN: list[dict[str, Fault]] = [
    {
        "FeedOld": faults.cut_feed,
        "DiskLow": faults.fill_disk,
        "TargetDown": partial(faults.kill, service="nginx-exporter"),
        "HashQueue": faults.crowd,
    },
    {"LoginsThrottled": faults.guess_passwords, "PoolFull SlowRoute ErrorRate": faults.lock_shelves},
    {
        "CertificateEnding": faults.let_certificate_end,
        "DatabaseAway ServiceNotReady": partial(faults.kill, service="db"),
    },
]

of_each_service = every("service", SERVICES)


@dataclass
class Extended:
    """The stack, its secrets by their names, and where Prometheus is asked."""

    stack: Stack
    secrets: dict[str, str]
    prometheus: str

    def query(self, expression: str) -> list[dict[str, str]]:
        """Ask Prometheus, and return the labels of each number."""
        answer = api.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=TIME)
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return [each["metric"] for each in found]

    def wait_for(self, condition: Callable[[set[str]], bool]) -> None:
        """Wait until the condition holds for the alerts that fire."""
        deadline = time.monotonic() + WITHIN
        while not condition(seen := {each["alertname"] for each in self.query(FIRING)}):
            assert time.monotonic() < deadline, seen
            time.sleep(1)


@pytest.fixture(scope="module")
def extended(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Extended]:
    stack = Stack(clone(tmp_path_factory.mktemp("clone")), **images)
    secrets = add_profiles(stack)
    try:
        networks = stack.up().container("prometheus")["NetworkSettings"]["Networks"]
        address = networks[f"{stack.project}_monitoring"]["IPAddress"]
        api.get(stack.url("books") + "/books")  # so that a refused token is counted
        yield Extended(stack, secrets, f"http://{address}:9090")
    finally:
        stack.down()


def test_the_secrets_of_the_operator_are_used_and_kept(extended: Extended) -> None:
    stack = extended.stack

    assert "kept /run/secrets/jwt_keys" in stack.logs("keys")
    assert jwt.get_unverified_header(stack.register().token)["kid"] in extended.secrets["jwt_keys"]
    for service in SERVICES:
        assert stack.execute(service, "find", "/run/bookstore", "-type", "f") == ""
        seen = stack.execute(service, "ls", "/run/secrets").split()
        assert seen == sorted(["jwt_keys", f"{service}_password"])
    assert read_secrets(stack) == extended.secrets


def test_nginx_spreads_requests_over_the_replicas_of_auth(extended: Extended) -> None:
    mark = token_hex(8)
    for number in range(16):
        api.get(extended.stack.url("auth") + "/me", headers={"X-Request-ID": f"{mark}-{number}"})

    assert len({name for name, _ in log_lines(extended.stack, "auth", mark)}) == REPLICAS


def test_books_hears_of_a_logout_through_pgbouncer(extended: Extended) -> None:
    person = extended.stack.register()
    book = person.add_book()

    assert person.get("/books").json()["list_of_books"] == [book]
    log_out(person)
    wait_until(lambda: refused_everywhere(person), "books hears of it")


@of_each_service
def test_every_connection_of_a_service_comes_from_its_own_pgbouncer(extended: Extended, service: str) -> None:
    stack = extended.stack
    networks = stack.container(f"{service}-pgbouncer")["NetworkSettings"]["Networks"]
    (network,) = networks.values()

    assert [*networks] == [f"{stack.project}_{service}-database"]  # where the other service is not
    assert stack.sql(service, CLIENTS) == network["IPAddress"]
    assert stack.execute(service, "getent", "hosts", "pgbouncer").split()[0] == network["IPAddress"]


@of_each_service
def test_pgbouncer_knows_the_password_of_one_service_and_shows_it_nobody(
    extended: Extended, service: str
) -> None:
    stack, name = extended.stack, f"{service}-pgbouncer"

    shown = json.dumps(stack.container(name)) + stack.logs(name)

    assert "process up" in shown
    assert extended.secrets[f"{service}_password"].strip() not in shown
    assert stack.execute(name, "find", "/run/bookstore", "/run/secrets", "-type", "f").split() == [
        f"/run/secrets/{service}_password"
    ]
    assert stack.execute(name, "stat", "--format=%a %u", "/tmp/users") == "600 10001"  # noqa: S108 - the container's


def test_prometheus_finds_every_replica_and_nothing_of_it_is_published(extended: Extended) -> None:
    replicas = {"auth": REPLICAS, "books": 1, "follower": 1}

    def are_seen() -> bool:
        seen = [each["service"] for each in extended.query('up{job="services"} == 1')]
        return {name: seen.count(name) for name in replicas} == replicas

    wait_until(are_seen, "not every replica is seen", poll=1)
    containers = extended.stack.containers()
    published = [each for each in containers if any(each["NetworkSettings"]["Ports"].values())]
    assert list(map(service_of, published)) == ["nginx"]


@every("asker, ports", NOT_REACHED.items())
def test_the_numbers_are_reached_by_who_needs_them_alone(
    extended: Extended, asker: str, ports: list[str]
) -> None:
    own = "localhost/" + LISTENS[asker]

    assert extended.stack.execute(asker, "bash", "-c", REACH, "reach", own, *ports).split() == [own]


def test_there_is_a_fault_for_each_alert() -> None:
    assert set.union(*map(alerts_of, BROKEN)) == ALERTS.keys()


def alerts_of(broken: Iterable[str]) -> set[str]:
    return {alert for names in broken for alert in names.split()}


def test_each_alert_fires_by_its_fault_and_ends_after_it(extended: Extended) -> None:
    for broken in BROKEN:
        assert_alerts_fire_and_end(extended, broken)

    seen = extended.query("count by (__name__) (last_over_time({__name__=~'.+'}[1h]))")
    assert metrics() - {each["__name__"] for each in seen} == set()  # of rules and panels


def assert_alerts_fire_and_end(extended: Extended, broken: dict[str, Fault]) -> None:
    expected = alerts_of(broken)
    extended.wait_for(lambda seen: not seen)

    with ExitStack() as ends:
        for fault in broken.values():
            fault(extended.stack, ends)
        extended.wait_for(lambda seen: seen >= expected)

    extended.wait_for(lambda seen: not seen & expected)
