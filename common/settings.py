"""Owns the reading of the environment: nothing else in the services looks at `os.environ`."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from environs import EnvError, FileAwareEnv
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

DATABASES = ("sqlite", "postgresql")


class Misconfigured(SystemExit):
    """A setting that the service cannot start with: prints its one line and exits with status 1."""


class Environment:
    """Reads settings from the environment, each also from the file that `NAME_FILE` names."""

    def __init__(self) -> None:
        self._env = FileAwareEnv(strip_whitespace=True)

    def text(self, name: str, default: str = "") -> str:
        if os.environ.get(name) and os.environ.get(f"{name}_FILE"):
            raise Misconfigured(f"{name} and {name}_FILE are both set; set one of them")
        try:
            return str(self._env.str(name, default)) or default
        except (EnvError, ValueError, OSError) as error:
            raise Misconfigured(f"{name}_FILE does not name a readable text file") from error

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdecimal() and low <= int(value[:19]) <= high):
            raise Misconfigured(f"{name} must be a whole number from {low} to {high}")
        return int(value)

    def port(self, name: str, default: int) -> int:
        return self.integer(name, default, low=1, high=65535)

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(item.strip() for item in self.text(name).split(",") if item.strip())


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What both services are told. `secret` and `database_url` never show in a representation."""

    service: str  # "auth" or "books"
    data_dir: Path
    keys_file: Path
    secret: str = field(repr=False)  # JWT_SECRET, "" if the keys come from the file
    database_url: str = field(repr=False)
    host: str
    port: int
    metrics_host: str
    metrics_port: int
    workers: int
    threads: int  # a worker
    cors_origins: tuple[str, ...]
    is_command: bool  # a `flask` command, which must run before there is a key file

    @property
    def title(self) -> str:
        return f"Bookstore {self.service} service"


def common_settings(
    environment: Environment, service: str, *, port: int, metrics_port: int
) -> dict[str, object]:
    """Return the members of `Settings` for `service`, whose own names begin with its upper-case name."""
    prefix = service.upper()
    data_dir = Path(environment.text("DATA_DIR", "instance")).absolute()
    return {
        "service": service,
        "data_dir": data_dir,
        "keys_file": Path(environment.text("JWT_KEYS_FILE", str(data_dir / "keys.json"))).absolute(),
        "secret": secret(environment),
        "database_url": database_url(
            environment, f"{prefix}_DATABASE_URL", f"sqlite:///{data_dir / service}.db"
        ),
        "host": environment.text("HOST", "127.0.0.1"),
        "port": environment.port(f"{prefix}_PORT", port),
        "metrics_host": environment.text("METRICS_HOST", "127.0.0.1"),
        "metrics_port": environment.port(f"{prefix}_METRICS_PORT", metrics_port),
        "workers": environment.integer("WEB_CONCURRENCY", cores(), low=1, high=256),
        "threads": environment.integer("THREADS", 64, low=1, high=1024),
        "cors_origins": environment.items("CORS_ORIGINS"),
        "is_command": os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "run" not in sys.argv,
    }


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def secret(environment: Environment) -> str:
    """Return JWT_SECRET, or "" where the keys are in a file; never both.

    An empty value or an empty file is a mistake, not a missing setting.
    """
    if "JWT_SECRET" not in os.environ and "JWT_SECRET_FILE" not in os.environ:
        return ""
    if environment.text("JWT_KEYS_FILE"):
        raise Misconfigured("JWT_SECRET and JWT_KEYS_FILE are both set; set one of them")
    value = environment.text("JWT_SECRET")
    if not value:
        raise Misconfigured("JWT_SECRET is empty")
    return value


def database_url(environment: Environment, name: str, default: str) -> str:
    """Return a SQLAlchemy URL of SQLite or PostgreSQL (psycopg 3), or refuse without showing the value."""
    value = environment.text(name, default)
    try:
        url = make_url(value)
    except (ArgumentError, ValueError) as error:
        raise Misconfigured(f"{name} is not a database URL") from error
    if url.get_backend_name() not in DATABASES or url.get_driver_name() not in ("pysqlite", "psycopg"):
        raise Misconfigured(f"{name} must begin with sqlite:/// or postgresql://")
    if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
        raise Misconfigured(f"{name} must name a database that every worker finds")
    return value
