"""A service that cannot start says why: one line that names the variable, never the value, and status 1."""

import os
import socket
from pathlib import Path

import pytest

from tests import programs
from tests.common.jwks import jwk, write
from tests.pair import SERVICES, free_port

SHORT = "a short but private key"


def start(service: str, folder: Path, **settings: str) -> str:
    """Start a service that has to fail, and return what it wrote."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(folder),
        "WEB_CONCURRENCY": "1",
        "AUTH_PORT": str(free_port()),
        "BOOKS_PORT": str(free_port()),
        "AUTH_METRICS_PORT": str(free_port()),
        "BOOKS_METRICS_PORT": str(free_port()),
    }
    words = ["gunicorn", "-c", f"{service}_service/gunicorn_conf.py", f"{service}_service:create_app()"]
    if "SERVER" in settings:
        words = ["common.server", f"{service}_service"]
    done = programs.run(*words, environment=environment | settings, timeout=60)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with good keys."""
    write(tmp_path / "keys.json", jwk())
    return tmp_path


def assert_one_line(written: str, *parts: str) -> None:
    assert written.count("\n") == 1, written
    for part in parts:
        assert part in written


@pytest.mark.parametrize("service", SERVICES)
def test_without_a_key_file_no_service_starts(service: str, tmp_path: Path) -> None:
    assert_one_line(start(service, tmp_path), "JWT_KEYS_FILE", "missing")


@pytest.mark.parametrize("service", SERVICES)
def test_granian_refuses_as_gunicorn_does(service: str, tmp_path: Path) -> None:
    assert_one_line(start(service, tmp_path, SERVER="granian"), "JWT_KEYS_FILE", "missing")


def test_a_server_that_is_none_is_named(folder: Path) -> None:
    assert_one_line(start("books", folder, SERVER="apache"), "SERVER", "gunicorn or granian")


def test_with_an_open_key_file_no_service_starts(folder: Path) -> None:
    (folder / "keys.json").chmod(0o644)

    assert_one_line(start("books", folder), "JWT_KEYS_FILE", "0600")


def test_a_short_secret_is_named_and_not_shown(folder: Path) -> None:
    written = start("books", folder, JWT_SECRET=SHORT)

    assert_one_line(written, "JWT_SECRET", "32 bytes")
    assert SHORT not in written


@pytest.mark.parametrize(("service", "name"), [("auth", "AUTH_PORT"), ("books", "BOOKS_METRICS_PORT")])
def test_a_port_that_is_taken_is_named(folder: Path, service: str, name: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        written = start(service, folder, **{name: str(listener.getsockname()[1])})

    assert_one_line(written, name, "in use")


def test_a_number_that_is_none_is_named(folder: Path) -> None:
    assert_one_line(start("auth", folder, ARGON2_MEMORY_KIB="lots"), "ARGON2_MEMORY_KIB")


def test_a_bad_database_url_is_named_and_not_shown(folder: Path) -> None:
    written = start("books", folder, BOOKS_DATABASE_URL=f"mysql://root:{SHORT}@localhost/books")

    assert_one_line(written, "BOOKS_DATABASE_URL")
    assert SHORT not in written
