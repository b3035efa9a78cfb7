"""The page of `make run` passes on what nginx does: whole bodies, its prefix, and who the client is."""

from collections.abc import Iterator

import pytest
import requests

from tests import api
from tests.browser.shelf_page import served_page
from tests.served import ServedPair


@pytest.fixture
def origin(own_served_pair: ServedPair) -> Iterator[str]:
    own_served_pair.environment |= {"TRUSTED_PROXIES": "127.0.0.1", "REGISTRATIONS_PER_HOUR": "1"}
    own_served_pair.start()
    with served_page(own_served_pair) as origin:
        yield origin


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_a_body_in_chunks_arrives_and_the_prefix_is_told(origin: str) -> None:
    pieces = [b'{"name": "Ann", ', b'"password": "the moon is made of paper"}']
    too_long = (b" " * 1024 for _ in range(65))
    headers = {"Content-Type": "application/json"}

    registered = api.post(f"{origin}/auth/register", data=iter(pieces), headers=headers)
    refused = api.post(f"{origin}/auth/register", data=too_long, headers=headers)

    assert (registered.status_code, registered.headers["Location"]) == (201, "/auth/me")
    assert refused.status_code == 413
    assert api.get(f"{origin}/books/openapi.json").json()["servers"] == [{"url": "/books"}]


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_a_client_cannot_say_where_it_comes_from(origin: str) -> None:
    def register(name: str, address: str) -> requests.Response:
        headers = {"X-Forwarded-For": address, "X-Forwarded-Prefix": "/evil"}
        body = {"name": name, "password": "the moon is made of paper"}
        return api.post(f"{origin}/auth/register", json=body, headers=headers)

    registered = register("Ann", "192.0.2.1")

    assert (registered.status_code, registered.headers["Location"]) == (201, "/auth/me")
    assert register("Bob", "198.51.100.1").status_code == 429
