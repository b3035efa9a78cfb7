"""Metrics: on a port of their own, by route template, and the sum over all workers."""

import re
import socket
from contextlib import ExitStack

import pytest

from tests import api, served
from tests.common.wire import send
from tests.pair import SERVICES
from tests.people import Person, assert_problem, book
from tests.served import ServedPair
from tests.waiting import wait_until

pair = served.pair  # its servers are what is tested

SAMPLE = re.compile(r"(\w+)(\{.*\})? (\S+)")


def page(pair: ServedPair, service: str) -> str:
    answer = api.get(f"http://127.0.0.1:{pair.metrics_ports[service]}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.text


def samples(pair: ServedPair, service: str) -> dict[str, float]:
    """Return the numbers by name and labels, as they stand on the page."""
    lines = [line for line in page(pair, service).splitlines() if not line.startswith("#")]
    found = [SAMPLE.fullmatch(line) for line in lines]
    assert all(found)
    return {match[1] + (match[2] or ""): float(match[3]) for match in found if match}


def counted(pair: ServedPair, service: str, name: str) -> float:
    return samples(pair, service).get(name, 0)


@pytest.mark.parametrize("service", SERVICES)
def test_metrics_are_not_on_the_port_of_the_service(pair: ServedPair, service: str) -> None:
    assert_problem(api.get(pair.url(service) + "/metrics", timeout=30), 404)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/books"), ("POST", "/metrics"), ("GET", "/metrics/")]
)
def test_nothing_else_is_on_the_port_of_the_metrics(
    pair: ServedPair, service: str, method: str, path: str
) -> None:
    url = f"http://127.0.0.1:{pair.metrics_ports[service]}{path}"

    answer = api.request(method, url, timeout=30)

    assert answer.status_code in (404, 405, 501)
    assert not re.search("python|basehttp", str(answer.headers), re.IGNORECASE)


def test_slow_clients_of_the_metrics_do_not_keep_others_waiting(pair: ServedPair) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(socket.create_connection(("127.0.0.1", pair.metrics_ports["books"])))

        assert page(pair, "books")


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/books", "/books", 200),
        ("GET", "/books?limit=3", "/books", 200),
        ("GET", "/books/123456789", "/books/<row:book_id>", 404),
        ("DELETE", "/books/123456789", "/books/<row:book_id>", 404),
        ("HEAD", "/books", "/books", 200),
        ("GET", "/{unique}/é", "unmatched", 404),
    ],
)
def test_requests_are_counted_by_route_over_all_workers(
    person: Person, method: str, path: str, route: str, status: int
) -> None:
    name = f'http_requests_total{{method="{method}",route="{route}",status="{status}"}}'
    before = counted(person.served, "books", name)

    for _ in range(12):  # each over a connection of its own, so that both workers get some
        line = f"{method} {path.format(unique=person.public_id)}".replace("é", "%C3%A9")
        assert send(person.served, "books", line, [f"x-access-tokens: {person.token}"]).status_code == status

    assert counted(person.served, "books", name) == before + 12


def test_durations_are_a_histogram(person: Person) -> None:
    name = 'http_request_duration_seconds_count{method="GET",route="/books"}'
    before = counted(person.served, "books", name)

    person.get("/books")

    numbers = samples(person.served, "books")
    assert numbers[name] == before + 1
    assert (
        numbers['http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/books"}']
        == numbers[name]
    )


def test_a_client_cannot_invent_labels(person: Person) -> None:
    send(person.served, "books", "BREW /books")
    send(person.served, "books", "GET /invented-by-a-client")
    person.get("/books", headers={"Authorization": "Bearer invented-by-a-client"})

    shown = page(person.served, "books")
    assert "BREW" not in shown
    assert "invented" not in shown
    assert person.public_id not in shown


@pytest.mark.parametrize(("service", "path"), [("auth", "/me"), ("books", "/books")])
@pytest.mark.parametrize(
    ("token", "reason"), [("e30.e30.e30", "algorithm"), ("x" * 5000, "size"), (None, "missing")]
)
def test_rejected_tokens_are_counted_by_reason(
    pair: ServedPair, service: str, path: str, token: str | None, reason: str
) -> None:
    name = f'token_rejections_total{{reason="{reason}"}}'
    before = counted(pair, service, name)

    for _ in range(6):
        send(pair, service, f"GET {path}", [f"x-access-tokens: {token}"] if token else [])

    assert counted(pair, service, name) == before + 6


def test_the_time_of_password_hashes_is_shown(pair: ServedPair, person: Person) -> None:
    before = samples(pair, "auth")

    api.post(pair.url("auth") + "/login", auth=(person.name, "wrong"), timeout=30)

    after = samples(pair, "auth")
    for name in ("password_hash_seconds_count", "password_hash_wait_seconds_count"):
        assert after[name] == before[name] + 1
    assert after["password_hash_seconds_sum"] > before["password_hash_seconds_sum"]
    assert after["password_hash_waiting"] == 0


def test_security_events_and_ends_of_sessions_are_counted(pair: ServedPair, person: Person) -> None:
    names = [f'security_events_total{{event="{event}"}}' for event in ("login", "refresh", "logout")]
    names.append("sessions_ended_total")
    before = [counted(pair, "auth", name) for name in names]

    url, body = pair.url("auth"), {"refresh_token": person.refresh_token}
    api.post(f"{url}/login", auth=(person.name, person.password), timeout=30)
    for path in ("/refresh", "/logout", "/logout"):
        api.post(url + path, json=body, timeout=30)

    gained = [counted(pair, "auth", name) - number for name, number in zip(names, before, strict=True)]
    assert gained == [1, 1, 2, 1]


@pytest.mark.parametrize(("service", "path"), [("auth", "/me"), ("books", "/books")])
def test_connections_to_the_database_are_shown(person: Person, service: str, path: str) -> None:
    person.get(path, service)

    name = f'database_pool_connections{{database="{service}_service"}}'
    wait_until(lambda: samples(person.served, service)[name] == 0, f"{name} is not 0")


def test_metrics_tell_nothing_private(person: Person) -> None:
    person.post("/books", book(name="a private reading"))

    for service in SERVICES:
        shown = page(person.served, service)
        for part in (person.name, person.public_id, person.token, "private", str(person.served.folder)):
            assert part not in shown
