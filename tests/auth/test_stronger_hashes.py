"""A login gives an old hash of the password the parameters of today."""

from collections import Counter
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters, low_level
from sqlalchemy import select, update

from auth_service.models import User
from auth_service.passwords.hashing import difference
from tests.at_once import at_once
from tests.auth.database import execute, rows
from tests.auth.hashers import make_hasher
from tests.auth.logins import log_in
from tests.people import PASSWORD, Person, assert_problem

WEAK = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)


def weaken(person: Person) -> str:
    """Give somebody a hash as it was made long ago."""
    old = WEAK.hash(PASSWORD)
    statement = update(User).where(User.public_id == person.public_id)
    execute(person.pair, statement.values(password_hash=old))
    return old


def hash_of(person: Person) -> str:
    ((found,),) = rows(person.pair, select(User.password_hash).where(User.public_id == person.public_id))
    return str(found)


def test_a_right_password_is_hashed_anew(person: Person) -> None:
    weaken(person)

    log_in(person)

    parameters = extract_parameters(hash_of(person))
    assert (parameters.memory_cost, parameters.time_cost) == (19 * 1024, 2)
    assert log_in(person).is_live


def test_a_wrong_password_and_a_hash_of_today_change_nothing(person: Person) -> None:
    today, url = hash_of(person), person.pair.url("auth") + "/login"
    log_in(person)
    assert hash_of(person) == today

    old = weaken(person)
    assert_problem(person.session.post(url, auth=(person.name, "wrong"), timeout=30), 401)

    assert hash_of(person) == old


def test_of_many_logins_at_once_all_are_let_in(person: Person) -> None:
    weaken(person)
    url = person.pair.url("auth") + "/login"

    answers = at_once(
        8,
        person.pair.url("auth"),
        lambda session, _: session.post(url, auth=(person.name, PASSWORD), timeout=30),
    )

    assert Counter(answer.status_code for answer in answers) == {200: 8}
    assert extract_parameters(hash_of(person)).time_cost == 2


def parameters(memory: int, time_cost: int, parallelism: int = 1) -> Any:
    hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory, parallelism=parallelism)
    return extract_parameters(hasher.hash("anything"))


@pytest.mark.parametrize(
    ("old", "new", "spent"),
    [
        ((1024, 1), (2048, 2), (2, 1536)),
        ((1024, 1), (1024, 2), (1, 1024)),
        ((2048, 2), (2048, 2), (0, 0)),
        ((4096, 1), (2048, 2), (0, 0)),
        ((1024, 1), (1027, 1), (0, 0)),
        ((64, 1, 4), (72, 1, 4), (0, 0)),
    ],
)
def test_what_an_old_hash_costs_less_is_a_hash_of_its_own(
    old: tuple[int, ...], new: tuple[int, ...], spent: tuple[int, int]
) -> None:
    assert difference(parameters(*old), parameters(*new)) == spent


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_whatever_the_password_an_old_hash_is_as_much_work_as_one_of_today(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    hasher = make_hasher(memory=2048, time_cost=2)
    today, old = hasher.hash(PASSWORD), parameters(1024, 1)
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    spent = []
    hash_secret_raw = low_level.hash_secret_raw

    def watch(secret: bytes, salt: bytes, time_cost: int, memory: int, *others: Any) -> bytes:
        spent.append(time_cost * memory)
        return hash_secret_raw(secret, salt, time_cost, memory, *others)

    monkeypatch.setattr(low_level, "hash_secret_raw", watch)

    assert hasher.verify(today, password) == hasher.verify(weak, password) == (password == PASSWORD)
    hasher.verify_dummy(password)

    assert [each + old.time_cost * old.memory_cost for each in spent] == [2 * 2048]
