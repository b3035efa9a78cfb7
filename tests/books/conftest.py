"""The fixtures of the tests of books."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
import requests

from common.tokens.access import issue
from common.tokens.keys import read_keys
from tests.at_once import at_once
from tests.pair import Pair
from tests.people import Person


@pytest.fixture
def person(pair: Pair) -> Person:
    """Return somebody who brings an empty shelf."""
    return somebody(pair)


@pytest.fixture
def narrow_pair(pair: Pair) -> Pair:
    """Return both services, where a shelf holds ten books."""
    return pair.variant(BOOKS_PER_USER="10")


def somebody(pair: Pair) -> Person:
    """Return one whom books believes and of whom auth has never heard: a password costs time to hash."""
    public_id = str(uuid.uuid4())
    key = read_keys(pair.folder / "keys.json").signing
    token = issue(key, public_id=public_id, session_id=str(uuid.uuid4()), now=time.time())
    return Person(pair, "somebody", public_id, token)


Sent = tuple[str, str, Any, dict[str, str]]  # method, path, body, headers


def send_at_once(person: Person, sent: Sequence[Sent]) -> list[requests.Response]:
    """Send these requests of somebody at once, with the token."""
    url = person.pair.url("books")

    def ask(session: requests.Session, number: int) -> requests.Response:
        method, path, body, headers = sent[number]
        return session.request(
            method, url + path, json=body, headers=person.with_token(**headers), timeout=30
        )

    return at_once(len(sent), url, ask)


def post_once(person: Person, key: str, sent: object, path: str = "/books") -> requests.Response:
    """Post a book under an idempotency key."""
    return person.post(path, sent, headers=person.with_token(Idempotency_Key=key))
