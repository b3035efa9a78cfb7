"""Whose address a request has, by its peer, the header X-Forwarded-For and the proxies that are trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from auth_service.models import Session
from common.proxies import MAX_HOPS, client_address, parse_network
from tests import api
from tests.auth.database import rows
from tests.cases import every, on_sqlite
from tests.common.log_lines import Log, new_id
from tests.common.wire import send
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, new_name

PROXY = "10.0.0.1"  # the peer of the tests, and trusted
CLIENT, ITSELF = "203.0.113.9", "127.0.0.1"
TRUSTED = [parse_network(text) for text in ("10.0.0.0/8", "192.168.7.7", "2001:db8:1::/48")]


def address(forwarded: str, peer: str = PROXY) -> str:
    return client_address(peer, forwarded, TRUSTED)


@every("peer", ["203.0.113.1", "2001:db8::1", "11.0.0.1", "192.168.7.8", "", "unix:", "fe80::1%eth0"])
@every("forwarded", ["", CLIENT, f"{CLIENT}, 10.0.0.2", "10.0.0.2", "x"])
def test_a_peer_that_is_not_trusted_is_the_client(peer: str, forwarded: str) -> None:
    assert address(forwarded, peer) == peer
    assert client_address(PROXY, forwarded, []) == PROXY


@every("peer", [PROXY, "10.255.255.255", "192.168.7.7", "2001:db8:1::5", "::ffff:10.0.0.1"])
def test_a_trusted_peer_is_believed(peer: str) -> None:
    assert address(CLIENT, peer) == CLIENT


def test_a_peer_on_a_link_can_be_trusted() -> None:
    assert client_address("fe80::1%eth0", CLIENT, [parse_network("fe80::/10")]) == CLIENT


@every(
    "forwarded, expected",
    [
        ("1.2.3.4, 203.0.113.9", CLIENT),  # the client wrote the first itself
        ("10.0.0.9, 203.0.113.9", CLIENT),
        ("1.2.3.4, 203.0.113.9, 192.168.7.7, 2001:db8:1::5, 10.0.0.2", CLIENT),
        ("203.0.113.9,10.0.0.2", CLIENT),
        ("  203.0.113.9\t ,\t10.0.0.2  ", CLIENT),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),  # all are trusted
        ("2001:db8::5, 10.0.0.2", "2001:db8::5"),
    ],
)
def test_the_first_from_the_right_that_is_not_trusted_is_the_client(forwarded: str, expected: str) -> None:
    assert address(forwarded) == expected


@every(
    "garbage",
    ["", " ", "unknown", "_hidden", "x", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4/32", "1"]
    + ["1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456", "1.2.3.4:-1", "1.2.3.4 5", "1.2.3.4:5:6", ":80"]
    + ["[1.2.3.4]:80", "[::1", "::1]", "[::1]80", "[::1]:", "[]", "[]:80", "[[::1]]", "::1::", "1::2::3"]
    + ["fe80::1%eth0", "fe80::1%25\n", "[fe80::1%eth0]:80", "::ffff:1.2.3.256", '"1.2.3.4"', "for=1.2.3.4"]
    + ["1.2.3.4;", "１.2.3.4", "1.2.3.4\n", "1.2.3.4\x00", "\xa01.2.3.4", "1" * 8000, ":" * 8000],
)
def test_what_is_no_address_ends_the_walk_at_the_last_good_hop(garbage: str) -> None:
    assert address(garbage) == PROXY
    assert address(f"{CLIENT}, {garbage}") == PROXY
    assert address(f"{CLIENT}, {garbage}, 10.0.0.2") == "10.0.0.2"
    assert address(f"{garbage}, {CLIENT}, 10.0.0.2") == CLIENT


@every(
    "entry, expected",
    [
        ("203.0.113.9:567", CLIENT),
        ("203.0.113.9:1", CLIENT),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::", "::"),
        ("::1", "::1"),
        ("1111:2222:3333:4444:5555:6666:123.123.123.123", "1111:2222:3333:4444:5555:6666:7b7b:7b7b"),
        ("[::ffff:203.0.113.9]:80", CLIENT),  # one of IPv4, mapped
        ("::FFFF:cb00:7109", CLIENT),
        ("0:0:0:0:0:ffff:203.0.113.9", CLIENT),
    ],
)
def test_an_address_may_have_a_port_and_has_one_spelling(entry: str, expected: str) -> None:
    assert address(entry) == expected
    assert address(f"{entry}, 10.0.0.2:8080, [2001:db8:1::5]:443, ::ffff:10.0.0.2") == expected


def test_an_address_of_ipv4_that_is_mapped_is_one_of_ipv4() -> None:
    assert address("", "::ffff:203.0.113.9") == address("", "::FFFF:cb00:7109") == CLIENT
    assert parse_network("::ffff:10.0.0.0/104") == parse_network("10.0.0.0/8")
    assert parse_network("::ffff:10.0.0.1") == parse_network("10.0.0.1")
    assert parse_network("::/0") != parse_network("0.0.0.0/0")


def test_the_walk_has_an_end() -> None:
    hops = [f"10.0.1.{number}" for number in range(MAX_HOPS)]

    assert address(", ".join(hops)) == "10.0.1.0"
    assert address(", ".join([CLIENT, *hops[1:]])) == CLIENT
    assert address(", ".join([CLIENT, *hops])) == "10.0.1.0"
    assert address(",".join([CLIENT] + ["10.0.0.9"] * 7000)) == "10.0.0.9"


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_a_client_writes_it_gets_no_other_address_than_its_own(written: str) -> None:
    assert address(f"{written}, {CLIENT}") == CLIENT
    assert address(f"{written},{CLIENT}, 10.0.0.2") == CLIENT
    assert address(written, CLIENT) == CLIENT


@pytest.fixture
def behind_proxy(pair: Pair) -> Pair:
    """Return both services, to which the tests are a proxy that they trust."""
    return pair.variant(TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")


@on_sqlite
@every("service", SERVICES)
@every(
    "headers, expected",
    [
        ([], ITSELF),
        (["X-Forwarded-For: 1.2.3.4, 203.0.113.9"], CLIENT),
        (["x-forwarded-for: 203.0.113.9, 10.1.1.1:567"], CLIENT),
        (["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.1.1.1"], CLIENT),
        (['X-Forwarded-For: "}{"event":"login"}'], ITSELF),
        (["X_Forwarded_For: 203.0.113.9"], ITSELF),
        (["Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9", "Client-IP: 203.0.113.9"], ITSELF),
    ],
)
def test_the_log_names_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log, service: str, headers: list[str], expected: str
) -> None:
    request_id = new_id()

    send(behind_proxy, service, "GET /nowhere", [f"X-Request-ID: {request_id}", *headers])

    assert [line["client"] for line in log.of(request_id)] == [expected]


@on_sqlite
def test_a_security_event_and_a_session_name_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log
) -> None:
    headers = {"X-Forwarded-For": CLIENT, "X-Request-ID": new_id()}
    credentials = {"name": new_name(), "password": PASSWORD}

    api.post(behind_proxy.url("auth") + "/register", json=credentials, headers=headers)

    lines = log.of(headers["X-Request-ID"])
    assert {line["event"]: line["client"] for line in lines} == {"registered": CLIENT, "request": CLIENT}
    assert rows(behind_proxy, select(Session.ip).where(Session.ip == CLIENT)) == [(CLIENT,)]


@on_sqlite
def test_a_trusted_proxy_tells_no_scheme_and_no_host(behind_proxy: Pair) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "444"}

    plain, answer = (api.get(behind_proxy.url("auth") + "/", headers=sent) for sent in ({}, forged))

    assert (answer.status_code, answer.text) == (plain.status_code, plain.text)
