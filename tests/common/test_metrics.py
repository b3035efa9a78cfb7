"""Metrics: on a port of their own, by route template, the sum over all workers, and the size of databases."""

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
import requests
from prometheus_client import Metric
from sqlalchemy import text

from common.ops.metrics import at_scrape
from tests import api
from tests.cases import every, own_on_postgresql, own_on_sqlite
from tests.common.wire import send
from tests.feed.tellers import Teller
from tests.pair import SERVICES, Pair
from tests.people import Person, book
from tests.pgbouncer import pgbouncer
from tests.postgres_server import PostgresServer
from tests.readme import section
from tests.resilience.test_migrations import METADATA
from tests.served import ServedPair
from tests.waiting import wait_until

SAMPLE = re.compile(r"(\w+)(\{.*\})? (\S+)")
ROUTES = [("auth", "/me"), ("books", "/books")]
TEXT, OPEN_METRICS = "text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text"


@pytest.fixture(scope="session")
def pair(served_pairs: Callable[[str], ServedPair]) -> ServedPair:
    """Return both services as programs; what is counted is the same on either database."""
    return served_pairs("postgresql")


def ask(
    pair: ServedPair, service: str, path: str = "/metrics", method: str = "GET", accept: str = "*/*"
) -> requests.Response:
    url = f"http://127.0.0.1:{pair.metrics_ports[service]}{path}"
    return api.request(method, url, headers={"Accept": accept})


def samples(pair: ServedPair, service: str) -> dict[str, float]:
    """Return the numbers by name and labels, as they stand on the page."""
    lines = [line for line in ask(pair, service).text.splitlines() if not line.startswith("#")]
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


@every(
    "accept, content_type",
    [("*/*", TEXT), ("text/plain;version=0.0.4", TEXT), (f"{OPEN_METRICS};version=1.0.0", OPEN_METRICS)]
    + [(f"{OPEN_METRICS};version=1.0.0,text/plain;version=0.0.4", OPEN_METRICS)],
)
def test_the_page_is_in_the_format_that_is_asked_for(
    pair: ServedPair, accept: str, content_type: str
) -> None:
    answer, head = (ask(pair, "books", method=method, accept=accept) for method in ("GET", "HEAD"))

    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.text.endswith("# EOF\n") == (content_type == OPEN_METRICS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == answer.headers["Content-Type"]


@every("method, path", [("GET", "/"), ("GET", "/books"), ("POST", "/metrics"), ("GET", "/metrics/")])
def test_nothing_else_is_on_the_port_of_the_metrics(pair: ServedPair, method: str, path: str) -> None:
    answer = ask(pair, "books", path, method)

    assert answer.status_code in (404, 405, 501)
    assert not re.search("python|basehttp", str(answer.headers), re.IGNORECASE)


def test_slow_clients_of_the_metrics_do_not_keep_others_waiting(pair: ServedPair) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(socket.create_connection(("127.0.0.1", pair.metrics_ports["books"])))

        assert ask(pair, "books").ok


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

    of_books = 'http_requests_total{{method="GET",route="/books",status="{}"}}'
    refused = {f'limit_refusals_total{{limit="{name}"}}' for name in ("pair", "name", "repeats", "network")}
    assert refused <= samples(person.served, "auth").keys()
    assert {of_books.format(status) for status in (500, 503)} <= samples(person.served, "books").keys()
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

    with counting(pair, "auth", {**growth, "sessions_ended_total": 1, "password_hash_waiting": 0}):
        for password in (person.password, "wrong"):
            api.post(f"{url}/login", auth=(person.name, password))
        for path in ("/refresh", "/logout", "/logout"):
            api.post(url + path, json=body)

    assert samples(pair, "auth")["password_hash_seconds_sum"] > 0


@every("service, path", ROUTES)
def test_the_database_is_shown_with_its_connections_and_each_table_once_and_nothing_private(
    person: Person, service: str, path: str
) -> None:
    pair, name = person.served, f'database_pool_connections{{database="{service}_service"}}'
    person.post("/books", book(name="a private reading"))
    for request in (f"GET {path}", f"BREW {path}", "GET /invented"):
        send(pair, service, request, [f"Authorization: Bearer {person.token}"])

    wait_until(lambda: samples(pair, service)[name] == 0, f"{name} is not 0")
    assert samples(pair, service)[name.replace("connections", "size")] == 20  # of two workers
    shown = ask(pair, service).text
    assert sorted(re.findall('^database_table_bytes.*table="(.*)"', shown, re.M)) == sorted(
        [*METADATA[service].tables, "alembic_version"]
    )
    hidden = (person.name, person.public_id, person.token, str(pair.folder))
    assert [each for each in (*hidden, "private", "BREW", "invented") if each in shown] == []


def sizes() -> Sequence[Metric]:
    return list(at_scrape["auth_service"].collect())


@own_on_sqlite
def test_of_sqlite_the_size_of_its_file_is_told(own_pair: Pair) -> None:
    own_pair.start("auth")

    (size,) = sizes()

    assert size.name == "database_file_bytes"
    assert size.samples[0].value >= 4096  # a page of SQLite's


@own_on_postgresql
def test_sizes_are_those_from_before_while_they_cannot_be_asked_and_rows_are_told_once_counted(
    own_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Teller(own_pair.environment, monkeypatch) as auth:
        before = sizes()
        auth.execute("VACUUM ANALYZE feed")
        with auth.write() as other:
            other.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
            assert sizes() == before

        _, rows = sizes()
    assert {"database": "auth_service", "table": "feed"} in [sample.labels for sample in rows.samples]
    assert [sample.value for sample in rows.samples if sample.labels["table"] == "feed"] == [1]


@own_on_postgresql
def test_through_pgbouncer_no_question_waits_for_a_table_when_the_reader_is_gone(
    own_pair: Pair, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pgbouncer(postgres) as pooler:
        url = pooler.url(own_pair.databases["auth"].rpartition("/")[2])
        environment = own_pair.environment | {"AUTH_DATABASE_URL": url}
        with Teller(environment, monkeypatch) as auth, auth.write() as other:
            other.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
            assert sizes() == []
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass"
            assert other.execute(text(waiting)).scalar() == 0


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_of_what_grows_is_complete(service: str) -> None:
    rows = re.findall(rf"^\| {service} \| `(\w+)` \|", section("docs/operations.md", "## What grows"), re.M)

    assert sorted(rows) == sorted(METADATA[service].tables)
