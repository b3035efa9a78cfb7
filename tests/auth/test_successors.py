"""One token yields one successor, so no honest client is logged out; a stolen token ends its session."""

import hashlib
import random
from collections import Counter
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from auth_service.cli import key_file
from auth_service.models import Session
from auth_service.sessions.refreshing import compute_token
from common.tokens.keys import Key, read_keys
from tests.at_once import at_once
from tests.auth.database import rows
from tests.auth.logins import Login, assert_refused, log_out, login_of, refresh
from tests.cases import own_on_sqlite
from tests.pair import Pair
from tests.people import register
from tests.waiting import wait_until

KEYS = "keys.json"


@dataclass
class Client:
    """Uses a refresh token of its own, and stores the successor once the answer arrives."""

    pair: Pair
    stored: str
    received: str = ""

    def send(self) -> None:
        answer = refresh(self.pair, self.stored)
        assert answer.status_code == 200, answer.text
        self.received = answer.json()["refresh_token"]

    def store(self) -> None:
        self.stored = self.received


def test_of_twenty_uses_at_once_all_yield_one_token(pair: Pair, login: Login) -> None:
    url, body = pair.url("auth"), {"refresh_token": login.refresh_token}

    answers = at_once(20, url, lambda session, _: session.post(f"{url}/refresh", json=body, timeout=30))

    assert Counter(answer.status_code for answer in answers) == {200: 20}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert login.successor(successor) != successor


def test_two_tabs_that_refresh_in_any_order_both_live_on(pair: Pair, login: Login) -> None:
    tabs = [Client(pair, login.refresh_token) for _ in range(2)]
    for seed in range(10):
        # Each tab sends and stores in this order; what the other does comes before, between or behind.
        turns = random.Random(seed).sample([0, 0, 1, 1], 4)
        steps = [iter((tab.send, tab.store)) for tab in tabs]
        for turn in turns:
            next(steps[turn])()

        assert tabs[0].stored == tabs[1].stored
    assert login.is_live


def test_a_copy_of_the_database_computes_no_token(pair: Pair, login: Login) -> None:
    chain = (Session.id, Session.seed, Session.token_number, Session.token_digest, Session.previous_digest)
    first, successor = login.refresh_token, login.successor()
    ((session_id, seed, number, *digests),) = rows(pair, select(*chain).where(Session.id == login.session_id))
    issued = [token.partition(".")[2].encode() for token in (successor, first)]
    assert digests == [hashlib.sha256(secret).digest() for secret in issued]

    def compute(secret: bytes) -> str:
        text = compute_token(Key("", secret), session_id=session_id, number=number, seed=seed)
        return f"{session_id}.{text}"

    stored = (seed, session_id.encode(), str(number).encode(), *digests)
    guesses = {compute(secret) for secret in (b"", *stored, *(each.hex().encode() for each in digests))}
    assert not guesses & {first, successor}
    # It is the key alone that they lack.
    assert compute(read_keys(pair.folder / KEYS).signing.secret) == successor
    for guess in guesses:
        assert_refused(refresh(pair, guess))


# Keys are in a file, so that one database is enough.
@pytest.fixture
def rotated(own_pair: Pair) -> Login:
    """Return a session of an auth whose keys a test may change."""
    return login_of(register(own_pair.start("auth")))


def rotate_keys(pair: Pair, *, retire: bool = False) -> None:
    """Let a new key sign, and take the old one out if it is to be retired; wait until auth has noticed."""
    path = pair.folder / KEYS
    old = read_keys(path).signing.id
    key_file.rotate(path, follow=0)
    if retire:
        key_file.retire(path, old, force=True)
    new, keys = read_keys(path), pair.apps["auth"].extensions["verifier"].keys
    wait_until(lambda: keys.current.signing == new.signing, "auth has read the new key")
    wait_until(lambda: keys.current.verifying == new.verifying, "auth has read that the old one is retired")


@own_on_sqlite
def test_a_rotation_between_the_refreshes_of_two_tabs_logs_nobody_out(rotated: Login) -> None:
    tabs = [Client(rotated.pair, rotated.refresh_token) for _ in range(2)]
    for _ in range(2):
        for tab in tabs:
            tab.send()
            rotate_keys(rotated.pair)
        assert tabs[0].received == tabs[1].received
        for tab in tabs:
            tab.store()

    assert rotated.successor(tabs[0].stored)


@own_on_sqlite
def test_a_key_that_is_retired_takes_no_token_along_but_replaces_an_unused_successor(rotated: Login) -> None:
    first, pair = rotated.refresh_token, rotated.pair
    lost = rotated.successor(first)
    rotate_keys(pair, retire=True)

    replacement = rotated.successor(first)

    assert replacement != lost
    assert rotated.successor(first) == replacement
    rotate_keys(pair, retire=True)
    assert rotated.successor(replacement)
    assert rotated.is_live


@own_on_sqlite
@pytest.mark.parametrize("which", [0, 1, "the replaced one"])
def test_a_token_of_a_retired_key_still_ends_the_session(rotated: Login, which: int | str) -> None:
    issued: dict[int | str, str] = {0: rotated.refresh_token, 1: rotated.successor()}
    before = rotated.successor()
    issued["the replaced one"] = rotated.successor()
    rotate_keys(rotated.pair, retire=True)
    rotated.successor(before)

    log_out_or_refresh = log_out if which == 1 else refresh
    log_out_or_refresh(rotated.pair, issued[which])

    assert not rotated.is_live
    assert_refused(refresh(rotated.pair, rotated.refresh_token))
