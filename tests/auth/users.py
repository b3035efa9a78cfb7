"""What admins do to users, users to themselves, and an operator at the command line."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from click.testing import Result
from flask import Flask
from requests import Response

from auth_service import create_app
from auth_service.models import db
from tests import api
from tests.people import PASSWORD, Person

OTHER = "a cheese of another colour"
NOBODY = "00000000-0000-4000-8000-000000000000"
MEMBERS = {"public_id", "name", "admin", "disabled", "created_at", "last_login_at"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def change_user(admin: Person, person: Person | str, /, **members: Any) -> Response:
    public_id = person if isinstance(person, str) else person.public_id
    return admin.patch(f"/users/{public_id}", members, "auth")


def delete_user(admin: Person, person: Person) -> Response:
    return admin.delete(f"/users/{person.public_id}", "auth")


def delete_me(person: Person, path: str = "/me", **options: Any) -> Response:
    """Send the request with the right credentials, unless the options say otherwise."""
    if "headers" not in options:
        options.setdefault("auth", (person.name, PASSWORD))
    return api.delete(person.pair.url("auth") + path, **options)


def change_password(person: Person, new: object, current: str = PASSWORD, **options: Any) -> Response:
    """Let somebody choose another password."""
    body = {"current_password": current, "new_password": new}
    return person.put("/me/password", body, "auth", **options)


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
