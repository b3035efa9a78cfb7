"""Metrics: on a port of their own, by route template, and the sum over all workers."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests import api, served
from tests.cases import every
from tests.common.wire import send
from tests.pair import SERVICES
from tests.people import Person, book
from tests.resilience.test_migrations import METADATA
from tests.served import ServedPair
from tests.waiting import wait_until

pair = served.pair  # its servers are what is tested
# The database of most servers; what is counted is the same on the other.
pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")

SAMPLE = re.compile(r"(\w+)(\{.*\})? (\S+)")
ROUTES = [("auth", "/me"), ("books", "/books")]


def page(pair: ServedPair, service: str) -> str:
    answer = api.get(f"http://127.0.0.1:{pair.metrics_ports[service]}/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.text


def samples(pair: ServedPair, service: str) -> dict[str, float]:
    """Return the numbers by name and labels, as they stand on the page."""
    lines = [line for line in page(pair, service).splitlines() if not line.startswith("#")]
    found = [SAMPLE.fullmatch(line) for line in lines]
    assert all(found)
    return {match[1] + (match[2] or ""): float(match[3]) for match in found if match}


@contextmanager
def counting(pair: ServedPair, service: str, growth: dict[str, float]) -> Iterator[None]:
    """Fail unless the numbers grow by this much during the block."""
    before = samples(pair, service)
    yield
    after = samples(pair, service)
    assert {name: after.get(name, 0) - before.get(name, 0) for name in growth} == growth


TEXT, OPEN_METRICS = "text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text"


@every(
    "accept, content_type",
    [("*/*", TEXT), ("text/plain;version=0.0.4", TEXT), (f"{OPEN_METRICS};version=1.0.0", OPEN_METRICS)]
    + [(f"{OPEN_METRICS};version=1.0.0,text/plain;version=0.0.4", OPEN_METRICS)],
)
def test_the_page_is_in_the_format_that_is_asked_for(
    pair: ServedPair, accept: str, content_type: str
) -> None:
    url = f"http://127.0.0.1:{pair.metrics_ports['books']}/metrics"

    answer, head = (api.request(method, url, headers={"Accept": accept}) for method in ("GET", "HEAD"))

    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.text.endswith("# EOF\n") == (content_type == OPEN_METRICS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == answer.headers["Content-Type"]


@every("method, path", [("GET", "/"), ("GET", "/books"), ("POST", "/metrics"), ("GET", "/metrics/")])
def test_nothing_else_is_on_the_port_of_the_metrics(pair: ServedPair, method: str, path: str) -> None:
    answer = api.request(method, f"http://127.0.0.1:{pair.metrics_ports['books']}{path}")

    assert answer.status_code in (404, 405, 501)
    assert not re.search("python|basehttp", str(answer.headers), re.IGNORECASE)


def test_slow_clients_of_the_metrics_do_not_keep_others_waiting(pair: ServedPair) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(socket.create_connection(("127.0.0.1", pair.metrics_ports["books"])))

        assert page(pair, "books")


@every(
    "method, path, route, status",
    [
        ("GET", "/books?limit=3", "/books", 200),
        ("DELETE", "/books/123456789", "/books/<row:book_id>", 404),
        ("HEAD", "/books", "/books", 200),
        ("GET", "/nowhere/%C3%A9", "unmatched", 404),
    ],
)
def test_requests_are_counted_by_route_over_all_workers(
    person: Person, method: str, path: str, route: str, status: int
) -> None:
    labels = f'method="{method}",route="{route}"'
    total = f'http_requests_total{{{labels},status="{status}"}}'
    durations = f"http_request_duration_seconds_count{{{labels}}}"
    slowest = f'http_request_duration_seconds_bucket{{le="+Inf",{labels}}}'

    with counting(person.served, "books", {total: 12, durations: 12, slowest: 12}):
        for _ in range(12):  # each over a connection of its own, so that both workers get some
            answer = send(person.served, "books", f"{method} {path}", [f"x-access-tokens: {person.token}"])
            assert answer.status_code == status


def test_errors_and_refusals_begin_at_zero(person: Person) -> None:
    """Prometheus sees no increase in a number that is not there before it."""
    person.get("/books")

    refused = {f'limit_refusals_total{{limit="{name}"}}' for name in ("pair", "name", "repeats", "network")}
    failed = {
        f'http_requests_total{{method="GET",route="/books",status="{status}"}}' for status in (500, 503)
    }
    assert refused <= samples(person.served, "auth").keys()
    assert failed <= samples(person.served, "books").keys()
    assert 'database_unavailable_total{reason="TimeoutError"}' in samples(person.served, "books")


@every("service, path", ROUTES)
@every("token, reason", [("e30.e30.e30", "algorithm"), (None, "missing")])
def test_rejected_tokens_are_counted_by_reason(
    pair: ServedPair, service: str, path: str, token: str | None, reason: str
) -> None:
    with counting(pair, service, {f'token_rejections_total{{reason="{reason}"}}': 6}):
        for _ in range(6):
            send(pair, service, f"GET {path}", [f"x-access-tokens: {token}"] if token else [])


def test_hashes_security_events_and_ends_of_sessions_are_counted(pair: ServedPair, person: Person) -> None:
    url, body = pair.url("auth"), {"refresh_token": person.refresh_token}
    events = {"login": 1, "login_failed": 1, "refresh": 1, "logout": 2}
    growth = {f'security_events_total{{event="{event}"}}': count for event, count in events.items()}
    growth |= {"password_hash_seconds_count": 2, "password_hash_wait_seconds_count": 2}
    before = samples(pair, "auth")

    with counting(pair, "auth", {**growth, "sessions_ended_total": 1}):
        for password in (person.password, "wrong"):
            api.post(f"{url}/login", auth=(person.name, password))
        for path in ("/refresh", "/logout", "/logout"):
            api.post(url + path, json=body)

    after = samples(pair, "auth")
    assert after["password_hash_seconds_sum"] > before["password_hash_seconds_sum"]
    assert after["password_hash_waiting"] == 0


@every("service, path", ROUTES)
def test_the_database_is_shown_with_its_connections_and_each_table_once(
    person: Person, service: str, path: str
) -> None:
    person.get(path, service)

    name = f'database_pool_connections{{database="{service}_service"}}'
    wait_until(lambda: samples(person.served, service)[name] == 0, f"{name} is not 0")
    assert samples(person.served, service)[name.replace("connections", "size")] == 20  # of two workers
    tables = re.findall(r"^database_table_bytes.*table=\"(.*)\"", page(person.served, service), re.M)
    assert sorted(tables) == sorted([*METADATA[service].tables, "alembic_version"])


@every("service", SERVICES)
def test_metrics_tell_nothing_private_and_no_label_that_a_client_invents(
    person: Person, service: str
) -> None:
    person.post("/books", book(name="a private reading"))
    for request in ("BREW /books", "GET /invented"):
        send(person.served, service, request, ["Authorization: Bearer invented"])

    shown, folder = page(person.served, service), str(person.served.folder)
    for part in (person.name, person.public_id, person.token, "private", "BREW", "invented", folder):
        assert part not in shown
