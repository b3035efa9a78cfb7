"""The fixtures of the tests of auth."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.auth.guessers import Guesser
from tests.auth.logins import Login, login_of
from tests.auth.users import Operator
from tests.pair import Pair
from tests.people import Person, register


@pytest.fixture
def app(pair: Pair) -> Flask:
    """Return auth itself, as the pair has it."""
    return pair.apps["auth"]


@pytest.fixture
def in_auth(app: Flask) -> Iterator[None]:
    """Stand in auth, with its database: its rules are plain functions."""
    with app.app_context():
        yield


@pytest.fixture
def guesser() -> Guesser:
    return Guesser()


@pytest.fixture
def operator(app: Flask) -> Operator:
    """Return somebody with a shell on the machine of the running pair."""
    return Operator(app)


@pytest.fixture
def login(person: Person) -> Login:
    """Return the one session of somebody new."""
    return login_of(person)


@pytest.fixture
def only_admin(pair: Pair, operator: Operator) -> Iterator[Person]:
    """Return somebody who is the only admin, until the test is over."""
    before = admins(operator)
    person = register(pair)
    operator.succeed("users", "promote", person.name)
    for name in before:
        operator.succeed("users", "demote", name)
    yield person
    for name in before:
        operator.succeed("users", "promote", name)
    if before:
        operator.succeed("users", "demote", person.name)


def admins(operator: Operator) -> list[str]:
    """Return the names of those admins who can log in."""
    lines = operator.succeed("users", "list").splitlines()
    return [line.split(maxsplit=2)[2] for line in lines if line.split()[1] == "admin"]
