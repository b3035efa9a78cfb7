"""What proxies say: whose address a request has, and the path that they take off every address."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from common.proxies import MAX_HOPS, client_address, parse_network, parse_prefix
from tests import api
from tests.cases import every, on_sqlite
from tests.common.log_lines import Log
from tests.common.wire import send
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, book, new_name, register

PROXY = "10.0.0.1"  # the peer of the tests, and trusted
CLIENT, ITSELF = "203.0.113.9", "127.0.0.1"
TRUSTED = [parse_network(text) for text in ("10.0.0.0/8", "192.168.7.7", "2001:db8:1::/48", "fe80::/10")]


def address(forwarded: str, peer: str = PROXY) -> str:
    return client_address(peer, forwarded, TRUSTED)


UNTRUSTED = ["203.0.113.1", "2001:db8::1", "11.0.0.1", "192.168.7.8", "", "unix:", "fec0::1%eth0"]
BELIEVED = [PROXY, "10.255.255.255", "192.168.7.7", "2001:db8:1::5", "::ffff:10.0.0.1", "fe80::1%eth0"]


@every("forwarded", ["", CLIENT, f"{CLIENT}, 10.0.0.2", "10.0.0.2", "x"])
def test_a_peer_that_is_trusted_is_believed_and_another_is_the_client(forwarded: str) -> None:
    assert [address(forwarded, peer) for peer in UNTRUSTED] == UNTRUSTED
    assert {address(CLIENT, peer) for peer in BELIEVED} == {CLIENT}
    assert client_address(PROXY, forwarded, []) == PROXY


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


@every(
    "entry, expected",
    [
        *((entry, CLIENT) for entry in ("203.0.113.9:567", "203.0.113.9:1")),
        *((entry, CLIENT) for entry in ("[::ffff:203.0.113.9]:80", "::FFFF:cb00:7109")),  # of IPv4, mapped
        *((entry, "2001:db8::1") for entry in ("[2001:db8::1]:80", "[2001:db8::1]", "2001:DB8:0::1")),
        *((entry, entry) for entry in ("::", "::1")),
        ("1111:2222:3333:4444:5555:6666:123.123.123.123", "1111:2222:3333:4444:5555:6666:7b7b:7b7b"),
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

    assert address(", ".join([CLIENT, *hops[1:]])) == CLIENT
    assert address(", ".join([CLIENT, *hops])) == "10.0.1.0"


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_a_client_writes_it_gets_no_other_address_than_its_own(written: str) -> None:
    assert address(f"{written}, {CLIENT}") == CLIENT
    assert address(f"{written},{CLIENT}, 10.0.0.2") == CLIENT
    assert address(written, CLIENT) == CLIENT


@pytest.fixture
def behind_proxy(pair: Pair) -> Pair:
    """Return both services, to which the tests are a proxy that they trust, with a prefix by setting too."""
    trusted = "127.0.0.1, 10.0.0.0/8"
    return pair.variant(TRUSTED_PROXIES=trusted, AUTH_URL_PREFIX="/own/", BOOKS_URL_PREFIX="/own")


@on_sqlite
@every("service", SERVICES)
@every(
    "headers, expected",
    [
        ([], ITSELF),
        (["x-forwarded-for: 203.0.113.9, 10.1.1.1:567"], CLIENT),
        (["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.1.1.1"], CLIENT),
        (["X_Forwarded_For: 203.0.113.9"], ITSELF),
        (["Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9", "Client-IP: 203.0.113.9"], ITSELF),
    ],
)
def test_the_log_names_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log, service: str, headers: list[str], expected: str
) -> None:
    answer = send(behind_proxy, service, "GET /nowhere", headers)

    assert [line["client"] for line in log.of(answer.headers["X-Request-ID"])] == [expected]


@on_sqlite
def test_a_security_event_and_a_session_name_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log
) -> None:
    url, credentials = behind_proxy.url("auth"), {"name": new_name(), "password": PASSWORD}

    answer = api.post(f"{url}/register", json=credentials, headers={"X-Forwarded-For": CLIENT})

    lines, token = log.of(answer.headers["X-Request-ID"]), answer.json()["token"]
    assert {line["event"]: line["client"] for line in lines} == {"registered": CLIENT, "request": CLIENT}
    sessions = api.get(f"{url}/sessions", headers={"x-access-tokens": token}).json()["sessions"]
    assert [session["ip"] for session in sessions] == [CLIENT]


@on_sqlite
def test_a_trusted_proxy_tells_no_scheme_and_no_host(behind_proxy: Pair) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "444"}

    plain, answer = (api.get(behind_proxy.url("auth") + "/", headers=sent) for sent in ({}, forged))

    assert (answer.status_code, answer.text) == (plain.status_code, plain.text)


GOOD = ["/shop", "/shop/auth", "/a/b/c", "/v1.2", "/~ann", "/_x-y", "/...", "/.well-known", "/a..b"]
BAD = ["//evil.example", "/shop//x", "/..", "/../x", "/shop/..", "/shop/../x", "/.", "/./x", "shop", "shop/"]
BAD += ["x:/y", "https://evil.example", "/shop\\x", "\\\\evil", "/a b", "/a;b", "/a?b", "/a#b", "/%2e%2e"]
BAD += ["/a,/b", "/<x>", "/a\n", "\n", "/a\r\nX: y", "/a\0", " /a"]
BAD += ['/"x"', "/a\x85", "/é", "/a\tb", "/" + "x" * 101, "/x" * 11, "/x" * 2000, "/shop//", "/a:b", "/a@b"]


@every("text, prefix", [(text, text) for text in GOOD] + [(text, None) for text in BAD])
def test_a_path_with_nothing_to_escape_and_no_way_out_is_a_prefix(text: str, prefix: str | None) -> None:
    assert parse_prefix(text) == prefix
    assert prefix is None or parse_prefix(f"{text}/") == prefix


@on_sqlite
@every("service", SERVICES)
@every(
    "headers, prefix",
    [([f"X-Forwarded-Prefix: {told}"], told.rstrip("/") or "/") for told in ("/shop", "/shop/auth/", "/")]
    + [([f"X-Forwarded-Prefix: {text}"], "/own") for text in ("", "//evil.example", "/..", "/é", "/x" * 2000)]
    + [(["X-Forwarded-Prefix: /a", "X-Forwarded-Prefix: /b"], "/own"), (["X_Forwarded_Prefix: /a"], "/own")],
)
def test_the_prefix_of_one_trusted_proxy_counts_or_that_of_the_setting(
    pair: Pair, behind_proxy: Pair, service: str, headers: list[str], prefix: str
) -> None:
    by_setting = pair.variant(AUTH_URL_PREFIX="/own", BOOKS_URL_PREFIX="/own")
    found = {"here": behind_proxy, "set": by_setting, "nowhere": pair}

    for name, each in found.items():
        answer = send(each, service, "GET /openapi.json", ["X-Forwarded-For: 127.0.0.1", *headers])
        assert answer.json()["servers"] == [{"url": {"here": prefix, "set": "/own", "nowhere": "/"}[name]}]


@on_sqlite
def test_location_and_link_can_be_followed(behind_proxy: Pair) -> None:
    person = register(behind_proxy)
    headers = person.with_token(X_Forwarded_Prefix="/shop")

    def proxied(method: str, address: str, **options: Any) -> requests.Response:
        """Ask through a proxy that takes `/shop` off."""
        assert address.startswith("/shop/")
        return person.request(method, "books", address.removeprefix("/shop"), headers=headers, **options)

    made = [proxied("POST", "/shop/books", json=book()) for _ in range(3)]
    shown = proxied("GET", made[0].headers["Location"])
    first = proxied("GET", "/shop/books?limit=2&q=")
    link = first.headers["Link"]
    rest = proxied("GET", link.removeprefix("<").partition(">")[0])

    assert shown.json() == made[0].json()["book"]
    assert link.endswith('; rel="next"')
    listed = first.json()["list_of_books"] + rest.json()["list_of_books"]
    assert listed == [each.json()["book"] for each in made]


@on_sqlite
@every("service", SERVICES)
def test_every_address_of_the_docs_leads_somewhere(behind_proxy: Pair, service: str) -> None:
    headers = {"X-Forwarded-Prefix": "/shop"}
    page = api.get(behind_proxy.url(service) + "/docs", headers=headers).text
    found = re.findall(r'(?:href|src|data-document)="([^"]*)"', page)
    addresses = [each for each in found if not each.startswith("//")]  # the other service
    described = api.get(behind_proxy.url(service) + "/", headers=headers).json()

    assert len(addresses) == 9
    for address in [*addresses, *(value for name, value in described.items() if name != "service")]:
        assert urljoin("https://edge.example/shop/docs", address).startswith("https://edge.example/shop/")
        path = address.removeprefix("/shop")
        assert api.get(behind_proxy.url(service) + path).status_code == 200
