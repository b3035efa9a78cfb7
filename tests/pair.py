"""The services with a folder and databases of their own: the applications themselves, in this process."""

import os
import secrets
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Self
from unittest.mock import patch

from flask import Flask

from tests.auth.hashers import hash_cheaply
from tests.in_process import applications

SERVICES = ("auth", "books")
SERVERS = ("gunicorn", "granian")
KINDS = ("sqlite", "postgresql")


def create_app(service: str) -> Flask:
    """Make the application of a service, by the environment."""
    app: Flask = import_module(f"{service}_service").create_app()
    return app


def invoke(service: str, *words: str, environment: Mapping[str, str]) -> str:
    """Run a `flask` command in this process, which takes a tenth of the time; return what it printed."""
    with patch.dict(os.environ, {**environment, "FLASK_RUN_FROM_CLI": "true"}, clear=True):
        done = create_app(service).test_cli_runner().invoke(args=words)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


class Pair:
    """Services, by default the two; their databases are SQLite files in `folder`, unless URLs are given."""

    def __init__(
        self,
        folder: Path,
        *,
        databases: Mapping[str, str] | None = None,
        services: Sequence[str] = SERVICES,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.services = services
        self.databases = databases or {}
        self.environment = {
            "PATH": os.environ["PATH"],
            "FLASK_SKIP_DOTENV": "1",  # the settings of whoever works here are not the tests'
            "DATA_DIR": str(folder),
            "WEB_CONCURRENCY": "2",
            "REGISTRATIONS_PER_HOUR": "0",  # all people of the tests come from one address
            **{f"{service.upper()}_DATABASE_URL": url for service, url in self.databases.items()},
            **settings,
        }
        self.apps: dict[str, Flask] = {}
        self._name = secrets.token_hex(4)
        self._variants: dict[tuple[tuple[str, str], ...], Pair] = {}

    def url(self, service: str) -> str:
        return f"http://{self.host(service)}"

    def host(self, service: str) -> str:
        return f"{service}-{self._name}.test"

    def prepare(self) -> Self:
        """Make the keys and migrate the databases."""
        invoke("auth", "keys", "init", environment=self.environment)
        for service in self.services:
            invoke(service, "db", "upgrade", environment=self.environment)
        return self

    def start(self, *services: str) -> Self:
        """Make the applications (all, if none is named), which from then on answer at their `url`."""
        for service in services or self.services:
            with patch.dict(os.environ, self.environment, clear=True):
                self.apps[service] = applications[self.host(service)] = create_app(service)
            if service == "auth":
                hash_cheaply(self.apps[service])
        return self

    def stop(self, *services: str) -> None:
        """Close what the applications (all, if none is named) have open; nothing answers at their `url`."""
        for variant in self._variants.values():
            variant.stop(*services)
        for service in services or self.services:
            if app := self.apps.pop(service, None):
                del applications[self.host(service)]
                if "revocations" in app.extensions:
                    app.extensions["revocations"].refresh = Event().wait  # parks the thread that polls
                with app.app_context():
                    app.extensions["sqlalchemy"].engine.dispose()

    def variant(self, **settings: str) -> "Pair":
        """Return the same pair with other settings, on the same databases; one for all that ask."""
        key = tuple(sorted(settings.items()))
        if key not in self._variants:
            changed = self.environment | settings
            other = Pair(self.folder, databases=self.databases, services=self.services, **changed)
            self._variants[key] = other.start()
        return self._variants[key]

    def run(self, service: str, *words: str) -> str:
        """Run a command of an operator and return what it printed; fail with what it complained of."""
        done = self.apps[service].test_cli_runner().invoke(args=words)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
