"""How many hashes a worker computes at once, and what its metrics say of them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from prometheus_client import REGISTRY

from auth_service.passwords import hashing
from auth_service.passwords.hashing import Hasher
from auth_service.settings import AuthSettings
from common.ops.limits import Busy, ConcurrencyLimit
from common.settings import cores
from tests.auth.hashers import make_hasher
from tests.waiting import wait_until

NAMES = ("password_hash_seconds_count", "password_hash_wait_seconds_count")


def hasher_of(**changed: Any) -> Hasher:
    """Return the hasher of an application with some settings of its own."""
    app = Flask("auth")
    hashing.init_app(app, replace(AuthSettings.read(), **changed))
    hasher: Hasher = app.extensions["hasher"]
    return hasher


@pytest.mark.parametrize(("workers", "slots"), [(1, cores()), (cores(), 1), (256, 1)])
def test_the_workers_share_the_cores(workers: int, slots: int) -> None:
    assert hasher_of(workers=workers).slots.count == slots


@pytest.mark.parametrize("threads", [16, 4, 1])
def test_a_quarter_of_the_threads_waits_for_no_hash(threads: int) -> None:
    hasher, most = hasher_of(threads=threads, workers=256), max(1, threads * 3 // 4)

    with ThreadPoolExecutor(most) as others, ExitStack() as held:
        held.enter_context(hasher.slots.slot())
        before = waiting()
        hashes = [others.submit(hasher.hash, "correct horse") for _ in range(most - 1)]
        wait_until(lambda: waiting() == before + most - 1, "as many wait as may")
        with pytest.raises(Busy):
            hasher.hash("correct horse")
        held.close()
        for each in hashes:
            each.result(60)
    assert waiting() == before


def test_every_wait_and_every_hash_is_counted() -> None:
    slots = ConcurrencyLimit(1)
    hasher, before = make_hasher(slots=slots), counts()

    hasher.hash("correct horse")
    with slots.slot(), pytest.raises(Busy):
        hasher.hash("correct horse")

    assert [new - old for new, old in zip(counts(), before, strict=True)] == [1, 2]


def counts() -> list[float]:
    """Return how many hashes and waits there were in this process."""
    return [REGISTRY.get_sample_value(name) or 0 for name in NAMES]


def waiting() -> float:
    """Return how many wait in this process."""
    return REGISTRY.get_sample_value("password_hash_waiting") or 0
