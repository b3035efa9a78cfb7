"""Hashes: how many a worker computes at once, its metrics, and that a login replaces an old one."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from argon2 import PasswordHasher, Type, extract_parameters, low_level
from flask import Flask
from prometheus_client import REGISTRY
from sqlalchemy import select, update

from auth_service.models import User
from auth_service.passwords import hashing
from auth_service.passwords.hashing import NICENESS, Hasher
from auth_service.settings import AuthSettings
from common.ops.limits import Busy, ConcurrencyLimit
from common.settings import cores
from tests.at_once import at_once
from tests.auth.database import execute, rows
from tests.auth.hashers import CHEAP, make_hasher, patient
from tests.auth.logins import log_in, try_password
from tests.cases import every
from tests.people import PASSWORD, Person
from tests.waiting import wait_until

WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
STORED = CHEAP.hash("correct horse")
NAMES = ("password_hash_seconds_count", "password_hash_wait_seconds_count")


def hasher_of(**changed: Any) -> Hasher:
    """Return the hasher of an application with some settings of its own."""
    app = Flask("auth")
    hashing.init_app(app, replace(AuthSettings.read(), argon2_memory=64, argon2_time_cost=1, **changed))
    hasher: Hasher = app.extensions["hasher"]
    return hasher


def counts() -> list[float]:
    """Return how many hashes and waits there were in this process."""
    return [REGISTRY.get_sample_value(name) or 0 for name in NAMES]


def waiting() -> float:
    """Return how many wait in this process."""
    return REGISTRY.get_sample_value("password_hash_waiting") or 0


def test_a_hash_is_argon2id_with_the_parameters_that_are_set() -> None:
    parameters = extract_parameters(hasher_of(argon2_parallelism=2).hash("correct horse"))

    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (64, 1, 2)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


@pytest.mark.parametrize(("workers", "slots"), [(1, cores()), (cores(), 1), (256, 1)])
def test_the_workers_share_the_cores(workers: int, slots: int) -> None:
    assert hasher_of(workers=workers).slots.count == slots


@pytest.mark.parametrize("threads", [4, 1])
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


USES: list[Callable[[Hasher], object]] = [
    lambda hasher: hasher.hash("correct horse"),
    lambda hasher: hasher.verify(STORED, "correct horse"),
    lambda hasher: hasher.verify(STORED, "x" * 65_536),
    lambda hasher: hasher.verify_dummy("correct horse"),
    lambda hasher: hasher.verify_dummy("x" * 65_536),
]


@every("use", USES)
def test_all_work_waits_for_a_slot_and_waits_and_hashes_are_counted(use: Callable[[Hasher], object]) -> None:
    slots = ConcurrencyLimit(1)
    hasher, before = make_hasher(slots=slots), counts()

    use(hasher)
    with slots.slot(), pytest.raises(Busy):
        use(hasher)

    assert [new - old for new, old in zip(counts(), before, strict=True)] == [1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is that of a process")
def test_what_hashes_lets_everything_else_go_first() -> None:
    before = set(threading.enumerate())
    make_hasher().hash("correct horse")
    started = set(threading.enumerate()) - before

    own = os.getpriority(os.PRIO_PROCESS, 0)
    priorities = {os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in started}
    assert priorities == {min(19, own + NICENESS)}


def weaken(person: Person) -> str:
    """Give somebody a hash as it was made long ago."""
    old = WEAK.hash(PASSWORD)
    statement = update(User).where(User.public_id == person.public_id)
    execute(person.pair, statement.values(password_hash=old))
    return old


def hash_of(person: Person) -> str:
    ((found,),) = rows(person.pair, select(User.password_hash).where(User.public_id == person.public_id))
    return str(found)


def test_only_a_right_password_replaces_an_old_hash_and_many_may_at_once(app: Flask, person: Person) -> None:
    pair, today = person.pair, hash_of(person)
    log_in(person)
    assert hash_of(person) == today
    old = weaken(person)
    assert try_password(pair, person.name, "wrong").status_code == 401
    assert hash_of(person) == old

    with patient(app):
        answers = at_once(8, pair.url("auth"), lambda *_: try_password(pair, person.name))

    assert [answer.status_code for answer in answers] == [200] * 8
    parameters = extract_parameters(hash_of(person))
    assert (parameters.memory_cost, parameters.time_cost) == (256, 2)
    assert log_in(person).is_live


@every(
    "old, new, spent",
    [
        ((1024, 1, 1), (2048, 2, 1), (2, 1536)),
        ((1024, 1, 1), (1024, 2, 1), (1, 1024)),
        ((2048, 2, 1), (2048, 2, 1), None),
        ((4096, 1, 1), (2048, 2, 1), None),
        ((1024, 1, 1), (1027, 1, 1), None),
        ((64, 1, 4), (72, 1, 4), None),
    ],
)
def test_whatever_the_password_an_old_hash_is_as_much_work_as_one_of_today(
    old: tuple[int, int, int], new: tuple[int, int, int], spent: tuple[int, int] | None
) -> None:
    """What an old hash costs less is a hash of its own, which takes no more memory than one of today."""
    today, of_old = (
        make_hasher(memory=memory, time_cost=passes, parallelism=lanes)
        for memory, passes, lanes in (new, old)
    )
    stored = of_old.hash(PASSWORD)
    with patch.object(low_level, "hash_secret_raw", wraps=low_level.hash_secret_raw) as raw:
        assert today.verify(stored, PASSWORD)
        assert not today.verify(stored, "wrong")

    assert [call.args[2:4] for call in raw.call_args_list] == ([spent] * 2 if spent else [])


@every(
    "old, is_outdated",
    [
        (make_hasher(memory=256, time_cost=2, parallelism=2), False),
        (make_hasher(memory=128, time_cost=2, parallelism=2), True),
        (make_hasher(memory=1024, time_cost=1, parallelism=2), True),
        (make_hasher(memory=256, time_cost=2, parallelism=1), True),
        (PasswordHasher(9, 512, 4, type=Type.I), True),
    ],
)
def test_a_hash_is_outdated_once_a_parameter_has_grown(old: Hasher, is_outdated: bool) -> None:
    new = make_hasher(memory=256, time_cost=2, parallelism=2)

    assert new.needs_rehash(old.hash("correct horse")) is is_outdated
