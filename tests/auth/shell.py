"""An operator at the command line: `flask --app auth_service …`, without an interpreter for each command."""

from collections.abc import Mapping
from functools import lru_cache

import pytest
from click.testing import Result
from flask import Flask

from auth_service import create_app
from auth_service.models import db
from tests.feed.tellers import Side, environment_of_a_command


@lru_cache(4)
def _make_app(**_environment: str) -> Flask:
    """Return the application of an environment, which is in effect; many tests have the same."""
    return create_app()


class Operator(Side):
    """Runs commands of auth in this process, with the environment of a service."""

    def __init__(self, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        environment_of_a_command(environment, monkeypatch)
        super().__init__(_make_app(**environment), db)

    def run(self, *words: str, typed: str = "") -> Result:
        """Run a command and return what became of it."""
        return self.app.test_cli_runner().invoke(args=words, input=typed)

    def succeed(self, *words: str, typed: str = "") -> str:
        """Run a command that has to succeed, and return what it printed to standard output."""
        done = self.run(*words, typed=typed)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    def fail(self, *words: str, typed: str = "") -> str:
        """Run a command that has to fail with one line, and return that line without its prefix."""
        done = self.run(*words, typed=typed)
        assert done.exit_code == 1, done.output
        assert done.stderr.startswith("Error: "), done.output
        assert done.stderr.count("\n") == 1, done.output
        return done.stderr.removeprefix("Error: ").strip()
