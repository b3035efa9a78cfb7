"""A login gives an old hash of the password the parameters of today."""

from collections import Counter

from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import select, update

from auth_service.models import User
from tests.at_once import at_once
from tests.auth.database import execute, rows
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
