"""Prometheus sees all that runs; each alert fires by a fault that is caused for real, and ends after it."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from tests import api
from tests.cases import every
from tests.e2e import faults
from tests.e2e.stack import MakeStack, Stack, docker, remove_images
from tests.monitoring.rules import ALERTS, metrics
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

WITHIN = 180  # seconds for an alert to fire, and for all to end, on a busy machine
REPLICAS = 2  # of auth
# The disk of the database, so small that it can be filled.
SMALL_DISK = 'volumes: {{database: {{driver_opts: {{type: tmpfs, device: tmpfs, o: "size=512m,uid={}"}}}}}}\n'
# What takes minutes takes seconds here.
QUICKER = {
    "rules.yml": ((r"\[5m\]", "[15s]"), (r"for: \d+[mh]", "for: 2s")),
    "prometheus.yml": ((r"\b(14|15|30)s", "2s"),),
}
# A port that each reaches, of its own; and those, of others, that it may not.
LISTENS = {"nginx": "5000", "auth": "5001", "postgres-exporter": "9187"}
NOT_REACHED = {
    "nginx": ["auth/9101", "books/9102", "follower/9103", "prometheus/9090", "postgres-exporter/9187"],
    "auth": ["nginx/8081", "postgres-exporter/9187"],
    "postgres-exporter": ["auth/5001", "books/5002", "nginx/5001"],
}
Fault = Callable[[Stack, ExitStack], None]
# What is broken at once, each with the alerts that it is for; a crowd would keep out who guesses passwords.
BROKEN: list[dict[str, Fault]] = [
    {
        "FeedOld": faults.cut_feed,
        "DiskLow": faults.fill_disk,
        "TargetDown": partial(faults.kill, service="nginx-exporter"),
        "LoginsThrottled": faults.guess_passwords,
    },
    {"HashQueue": faults.crowd, "ServiceNotReady": partial(faults.kill, service="books")},
    {"PoolFull SlowRoute ErrorRate": faults.lock_shelves},
    {"DatabaseAway": partial(faults.kill, service="db")},
    {"CertificateEnding": faults.let_certificate_end},
]


@pytest.fixture(scope="module")
def monitored(images: dict[str, str], make_stack: MakeStack) -> Iterator[Stack]:
    names = {"MONITORING_IMAGE": images["AUTH_IMAGE"].replace("auth", "monitoring")}
    stack = make_stack(ARGON2_TIME_COST="10", **names)
    user = docker("run", "--rm", "--network=none", "postgres:17-trixie", "id", "-u", "postgres")
    (stack.folder / "docker-compose.override.yml").write_text(SMALL_DISK.format(user))
    for name, changes in QUICKER.items():
        path = stack.folder / "deploy/monitoring" / name
        text = path.read_text()
        for pattern, replacement in changes:
            text = re.sub(pattern, replacement, text)
        path.write_text(text)
    stack.up()
    stack.environment["COMPOSE_PROFILES"] = "monitoring"
    stack.up("--scale", f"auth={REPLICAS}")
    api.get(stack.url("books") + "/books")  # so that a refused token is counted
    yield stack
    stack.down()
    remove_images(names)


def query(stack: Stack, expression: str) -> list[dict[str, str]]:
    """Ask Prometheus, as docs/operations.md says, and return the labels of each number."""
    words = ["promtool", "query", "instant", "--format=json", "http://localhost:9090", expression]
    found: list[dict[str, Any]] = json.loads(stack.execute("prometheus", *words))
    return [each["metric"] for each in found]


def firing(stack: Stack) -> set[str]:
    return {each["alertname"] for each in query(stack, 'ALERTS{alertstate="firing"}')}


def wait_for(stack: Stack, condition: Callable[[set[str]], bool]) -> None:
    """Wait until the condition holds for the alerts that fire."""
    deadline = time.monotonic() + WITHIN
    while not condition(seen := firing(stack)):
        assert time.monotonic() < deadline, seen
        time.sleep(1)


def test_it_finds_every_replica_and_nothing_of_it_is_published(monitored: Stack) -> None:
    replicas = {"auth": REPLICAS, "books": 1, "follower": 1}

    def are_seen() -> bool:
        seen = [each["service"] for each in query(monitored, 'up{job="services"} == 1')]
        return {name: seen.count(name) for name in replicas} == replicas

    wait_until(are_seen, "not every replica is seen", poll=1)
    published = [
        container["Name"]
        for container in monitored.containers()
        if any(container["NetworkSettings"]["Ports"].values())
    ]
    assert published == [monitored.container("nginx")["Name"]]


@every("asker, ports", NOT_REACHED.items())
def test_the_numbers_are_reached_by_who_needs_them_alone(
    monitored: Stack, asker: str, ports: list[str]
) -> None:
    reached = [port for port in ["localhost/" + LISTENS[asker], *ports] if reaches(monitored, asker, port)]

    assert reached == ["localhost/" + LISTENS[asker]]


def reaches(stack: Stack, asker: str, port: str) -> bool:
    """Return whether a container can open a connection to `host/port`."""
    connect = ["timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{port}"]
    return stack.attempt("exec", "-T", asker, *connect).returncode == 0


@pytest.mark.parametrize("broken", BROKEN, ids=" ".join)
def test_an_alert_fires_by_its_fault_and_ends_after_it(monitored: Stack, broken: dict[str, Fault]) -> None:
    expected = alerts_of(broken)
    wait_for(monitored, lambda seen: not seen)

    with ExitStack() as ends:
        for fault in broken.values():
            fault(monitored, ends)
        wait_for(monitored, lambda seen: seen >= expected)

    wait_for(monitored, lambda seen: not seen & expected)


def test_there_is_a_fault_for_each_alert() -> None:
    assert set.union(*map(alerts_of, BROKEN)) == ALERTS.keys()


def alerts_of(broken: Iterable[str]) -> set[str]:
    return {alert for names in broken for alert in names.split()}


def test_every_metric_of_rules_and_panels_is_there(monitored: Stack) -> None:
    seen = {
        each["__name__"]
        for each in query(monitored, "count by (__name__) (last_over_time({__name__=~'.+'}[1h]))")
    }

    assert metrics() - seen == set()
