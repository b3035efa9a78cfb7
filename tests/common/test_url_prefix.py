"""The path that a proxy takes off: who may tell it, what it may be, and where it is put back."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.proxies import parse_prefix
from tests import api
from tests.cases import every
from tests.common.bare import refusal
from tests.common.wire import send
from tests.pair import SERVICES, Pair
from tests.people import book, register

GOOD = ["/shop", "/shop/auth", "/a/b/c", "/v1.2", "/~ann", "/_x-y", "/...", "/.well-known", "/a..b"]
BAD = ["//evil.example", "/shop//x", "/..", "/../x", "/shop/..", "/shop/../x", "/.", "/./x", "shop", "shop/"]
BAD += ["x:/y", "https://evil.example", "/shop\\x", "\\\\evil", "/a b", "/a;b", "/a?b", "/a#b", "/%2e%2e"]
BAD += ["/a,/b", "/<x>", "/a\n", "\n", "/a\r\nX: y", "/a\0", " /a"]
BAD += ['/"x"', "/a\x85", "/é", "/a\tb", "/" + "x" * 101, "/x" * 11, "/x" * 2000, "/shop//", "/a:b", "/a@b"]
ADDRESS = re.compile(r'(?:href|src|data-document)="([^"]*)"')


@pytest.fixture(scope="session")
def pair(pairs: Callable[[str], Pair]) -> Pair:
    """Return both services on one database, for none knows of prefixes."""
    return pairs("sqlite")


@pytest.fixture
def behind_proxy(pair: Pair) -> Pair:
    """Return both services, to which the tests are a proxy that they trust, with a prefix by setting too."""
    return pair.variant(TRUSTED_PROXIES="127.0.0.1", AUTH_URL_PREFIX="/own/", BOOKS_URL_PREFIX="/own")


def prefix_of(pair: Pair, service: str, *headers: str) -> str:
    """Return the prefix of the addresses that a service gives out."""
    answer = send(pair, service, "GET /openapi.json", list(headers))
    assert answer.status_code == 200
    [server] = answer.json()["servers"]
    return str(server["url"])


@every("service", SERVICES)
@every("prefix", ["/shop", "/shop/auth", "/shop/"])
def test_the_prefix_of_a_trusted_proxy_counts(behind_proxy: Pair, service: str, prefix: str) -> None:
    assert prefix_of(behind_proxy, service, f"X-Forwarded-Prefix: {prefix}") == prefix.removesuffix("/")
    assert prefix_of(behind_proxy, service, "X-Forwarded-Prefix: /") == "/"


@every(
    "headers",
    [[f"X-Forwarded-Prefix: {prefix}"] for prefix in ("", "//evil.example", "/..", "/é", "/x" * 2000)]
    + [["X-Forwarded-Prefix: /a", "X-Forwarded-Prefix: /b"], ["X_Forwarded_Prefix: /a"]],
)
def test_what_is_no_prefix_of_one_proxy_is_ignored(behind_proxy: Pair, headers: list[str]) -> None:
    assert prefix_of(behind_proxy, "books", *headers) == "/own"


@every("prefix", GOOD)
def test_a_path_with_nothing_to_escape_is_a_prefix(prefix: str) -> None:
    assert parse_prefix(prefix) == parse_prefix(f"{prefix}/") == prefix


@every("text", BAD)
def test_what_could_lead_astray_is_no_prefix(text: str) -> None:
    assert parse_prefix(text) is None


@every("service", SERVICES)
def test_nobody_else_tells_a_prefix(pair: Pair, service: str) -> None:
    by_setting = pair.variant(AUTH_URL_PREFIX="/own", BOOKS_URL_PREFIX="/own")
    client = ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-Prefix: /shop"]

    assert prefix_of(by_setting, service, *client) == "/own"
    assert prefix_of(pair, service, *client) == "/"


@every("kind, name", [(AuthSettings, "AUTH_URL_PREFIX"), (BooksSettings, "BOOKS_URL_PREFIX")])
def test_a_setting_that_is_no_prefix_is_refused(kind: type[AuthSettings | BooksSettings], name: str) -> None:
    assert refusal(kind, **{name: "/shop/.."}) == f"{name} must be a path such as /shop"


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


@every("service", SERVICES)
def test_every_address_of_the_docs_leads_somewhere(behind_proxy: Pair, service: str) -> None:
    headers = {"X-Forwarded-Prefix": "/shop"}
    page = api.get(behind_proxy.url(service) + "/docs", headers=headers).text
    addresses = [each for each in ADDRESS.findall(page) if not each.startswith("//")]  # the other service
    described = api.get(behind_proxy.url(service) + "/", headers=headers).json()

    assert len(addresses) == 9
    for address in [*addresses, *(value for name, value in described.items() if name != "service")]:
        assert urljoin("https://edge.example/shop/docs", address).startswith("https://edge.example/shop/")
        path = address.removeprefix("/shop")
        assert api.get(behind_proxy.url(service) + path).status_code == 200
