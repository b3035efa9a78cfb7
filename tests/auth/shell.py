"""An operator at the command line: `flask --app auth_service …`, without an interpreter for each command."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Self

import pytest
from click.testing import Result
from flask import Flask

from auth_service import create_app
from auth_service.models import db


@lru_cache(4)
def _make_app(**_environment: str) -> Flask:
    """Return the application of an environment, which is in effect; many tests have the same."""
    return create_app()


class Operator:
    """Runs commands of auth in this process, with the environment of a service."""

    def __init__(self, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
        self.app = _make_app(**environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.app.app_context():
            db.engine.dispose()

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
