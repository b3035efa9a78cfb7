"""`make run` refuses to start with one line that says what is wrong, and leaves no process behind."""

import os
import socket
from unittest.mock import patch

import pytest

from common.service_list import SERVICES
from tests.cases import every
from tests.ports import free_port
from tests.run.runs import Run
from tools.run import check_ports, settings_of


def assert_refused(run: Run, complaint: str) -> None:
    """Fail unless it gives up with one line that has `complaint` in it, and leaves nothing behind."""
    run.start()

    assert run.wait_end() == 1
    assert len(run.errors) == 1, run.errors
    assert complaint in run.errors[0]
    assert run.processes() == []


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("JWT_SECRET", "short", "shorter than 32 bytes"),  # it stands in place of the key file
        ("BOOKS_PORT", "{AUTH_PORT}", "BOOKS_PORT"),
        ("DATA_DIR", "/proc", "DATA_DIR"),  # where not even root makes a file
    ],
)
def test_a_setting_that_cannot_be_is_refused(run: Run, name: str, value: str, complaint: str) -> None:
    run.environment[name] = value.format(**run.environment)

    assert_refused(run, complaint)
    assert not run.keys.exists()


@every("setting", ["PAGE_PORT", "AUTH_PORT", "BOOKS_METRICS_PORT"])  # one of each kind
def test_a_port_in_use_is_refused_even_if_it_could_be_shared_and_so_is_what_is_none(
    run: Run, setting: str
) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        for value in (str(listener.getsockname()[1]), "http"):
            environment = run.environment | {setting: value}
            with patch.dict(os.environ, environment, clear=True), pytest.raises(SystemExit, match=setting):
                check_ports(*map(settings_of, SERVICES))


def test_a_bad_key_file_is_refused(run: Run) -> None:
    run.data.mkdir()
    run.keys.write_text('{"keys": []}')
    run.keys.chmod(0o644)

    assert_refused(run, "read by others")
    assert run.keys.read_text() == '{"keys": []}'


def test_a_database_that_is_away_is_refused(run: Run) -> None:
    run.environment["BOOKS_DATABASE_URL"] = f"postgresql://ann@127.0.0.1:{free_port()}/books"

    assert_refused(run, "books_service")
