"""TRUSTED_PROXIES: what may stand there, and where the address shows that those proxies tell."""

from ipaddress import ip_network

import pytest
from sqlalchemy import select

from auth_service.models import Session
from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.settings import Misconfigured
from tests import api
from tests.auth.database import rows
from tests.cases import every
from tests.common.log_lines import Log, new_id
from tests.common.wire import send
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, new_name

CLIENT = "203.0.113.9"
Kind = type[AuthSettings | BooksSettings]
of_each_service = pytest.mark.parametrize("kind", [AuthSettings, BooksSettings])


@pytest.fixture
def behind_proxy(pair: Pair) -> Pair:
    """Return both services, to which the tests are a proxy that they trust."""
    return pair.variant(TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")


def client_of(log: Log, pair: Pair, service: str, *headers: str) -> str:
    """Return whom the log names as the client of a request with these headers."""
    request_id = new_id()
    send(pair, service, "GET /nowhere", [f"X-Request-ID: {request_id}", *headers])
    (line,) = log.of(request_id)
    return str(line["client"])


@every("service", SERVICES)
@every(
    "headers, expected",
    [
        ([], "127.0.0.1"),
        (["X-Forwarded-For: 1.2.3.4, 203.0.113.9"], CLIENT),
        (["x-forwarded-for: 203.0.113.9, 10.1.1.1:567"], CLIENT),
        (["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.1.1.1"], CLIENT),
        (["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: unknown"], "127.0.0.1"),
        (["X-Forwarded-For: " + "10.1.1.1," * 800 + "203.0.113.9"], CLIENT),
        (["X-Forwarded-For: " + "," * 8000], "127.0.0.1"),
        (['X-Forwarded-For: "}{"event":"login"}'], "127.0.0.1"),
        (["X_Forwarded_For: 203.0.113.9"], "127.0.0.1"),
        (["Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9", "Client-IP: 203.0.113.9"], "127.0.0.1"),
    ],
)
def test_the_log_names_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log, service: str, headers: list[str], expected: str
) -> None:
    assert client_of(log, behind_proxy, service, *headers) == expected


def test_a_security_event_and_a_session_name_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log
) -> None:
    headers = {"X-Forwarded-For": CLIENT, "X-Request-ID": new_id()}
    credentials = {"name": new_name(), "password": PASSWORD}

    api.post(behind_proxy.url("auth") + "/register", json=credentials, headers=headers, timeout=30)

    lines = log.of(headers["X-Request-ID"])
    assert {line["event"]: line["client"] for line in lines} == {"registered": CLIENT, "request": CLIENT}
    assert rows(behind_proxy, select(Session.ip).where(Session.ip == CLIENT)) == [(CLIENT,)]


def test_a_trusted_proxy_tells_no_scheme_and_no_host(behind_proxy: Pair) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/x"}
    url = behind_proxy.url("auth")

    plain = api.get(url + "/", timeout=30)
    answer = api.get(url + "/", headers=forged, timeout=30)

    assert (answer.status_code, answer.text) == (plain.status_code, plain.text)


@of_each_service
@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("", []),
        (" , ", []),
        ("10.0.0.1", ["10.0.0.1/32"]),
        ("10.0.0.0/8,2001:db8::/32 , ::1,", ["10.0.0.0/8", "2001:db8::/32", "::1/128"]),
        ("0.0.0.0/0", ["0.0.0.0/0"]),
    ],
)
def test_addresses_and_networks_are_taken(
    monkeypatch: pytest.MonkeyPatch,
    kind: Kind,
    value: str,
    networks: list[str],
) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", value)

    assert kind.read().trusted_proxies == tuple(map(ip_network, networks))


@of_each_service
@pytest.mark.usefixtures("no_settings")
@every(
    "value",
    ["*", "x", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "10.0.0.256", "1", "10.0.0.1:80"]
    + ["[::1]", "::/129", "fe80::1%eth0", "10.0.0.1 10.0.0.2", "10.0.0.1;10.0.0.2", "10.0.0.1,x"],
)
def test_anything_else_is_refused(monkeypatch: pytest.MonkeyPatch, kind: Kind, value: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", value)

    with pytest.raises(Misconfigured, match=r"^TRUSTED_PROXIES [^\n]*$"):
        kind.read()
