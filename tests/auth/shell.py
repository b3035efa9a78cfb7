"""An operator at the command line: `flask --app auth_service …`, without an interpreter for each command."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

from click.testing import Result
from flask import Flask

from auth_service import create_app
from auth_service.models import db


class Operator:
    """Runs commands of an application of auth in this process."""

    def __init__(self, app: Flask) -> None:
        self.app = app

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


@contextmanager
def operator_in(environment: Mapping[str, str]) -> Iterator[Operator]:
    """Lend an operator whose shell has this environment, whether anything has been made there or not."""
    with patch.dict(os.environ, {**environment, "FLASK_RUN_FROM_CLI": "true"}, clear=True):
        app = create_app()
    yield Operator(app)
    with app.app_context():
        db.engine.dispose()
