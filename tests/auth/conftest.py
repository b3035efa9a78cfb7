"""The fixtures of the tests of auth."""

import functools
from collections.abc import Iterator

import pytest
from flask import Flask

from auth_service import create_app
from auth_service.models import db
from tests.auth.logins import Login, log_in
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import Person, register


@pytest.fixture
def operator(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """Return somebody with a shell on the machine of the running pair."""
    with Operator(pair.environment, monkeypatch) as operator:
        yield operator


@pytest.fixture
def regular(pair: Pair) -> Person:
    """Return somebody who stays, whom many tests can log in."""
    return regular_of(pair)


regular_of = functools.cache(register)


@pytest.fixture
def login(regular: Person) -> Login:
    """Return a new session of somebody who may have others."""
    return log_in(regular)


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


@pytest.fixture(scope="module")
def app(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """Return auth in this process, on the database of the pair, with the SETTINGS of the module, if any."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (pair.environment | getattr(request.module, "SETTINGS", {})).items():
            environment.setenv(name, value)
        app = create_app()
    yield app
    with app.app_context():
        db.engine.dispose()
