"""`make run` refuses to start with one line that says what is wrong, and leaves no process behind."""

import os
import socket
from unittest.mock import patch

import pytest

from common.service_list import SERVICES
from tests.cases import every
from tests.run.runs import Run
from tools.run import check_ports, settings_of


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("JWT_SECRET", "short", "shorter than 32 bytes"),  # it stands in place of the key file
        ("BOOKS_PORT", "{AUTH_PORT}", "BOOKS_PORT"),
        ("DATA_DIR", "/proc", "DATA_DIR"),  # where not even root makes a file
        ("BOOKS_DATABASE_URL", "postgresql://ann@127.0.0.1:{PAGE_PORT}/books", "books_service"),
        ("JWT_KEYS_FILE", "/etc/passwd", "read by others"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(run: Run, name: str, value: str, complaint: str) -> None:
    run.environment[name] = value.format(**run.environment)

    run.start()

    assert run.wait_end() == 1
    assert len(run.errors) == 1, run.errors
    assert complaint in run.errors[0]
    assert run.processes() == []


@every("setting", ["PAGE_PORT", "AUTH_PORT", "BOOKS_METRICS_PORT"])  # one of each kind
def test_a_port_in_use_is_refused_even_if_it_could_be_shared_and_so_is_what_is_none(
    run: Run, setting: str
) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        for value in (str(listener.getsockname()[1]), "http"):
            environment = run.environment | {setting: value}
            with patch.dict(os.environ, environment, clear=True), pytest.raises(SystemExit, match=setting):
                check_ports(*map(settings_of, SERVICES))
