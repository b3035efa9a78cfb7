"""`tools/run.py` refuses to start with one line that says what is wrong, and leaves no process behind."""

import socket

import pytest

from tests.ports import free_port
from tests.run.runs import Run


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
        ("AUTH_PORT", "http", "AUTH_PORT"),
        ("PAGE_PORT", "http", "PAGE_PORT"),
        ("BOOKS_PORT", "{AUTH_PORT}", "BOOKS_PORT"),
        ("DATA_DIR", "/proc", "DATA_DIR"),  # where not even root makes a file
    ],
)
def test_a_setting_that_cannot_be_is_refused(run: Run, name: str, value: str, complaint: str) -> None:
    run.environment[name] = value.format(**run.environment)

    assert_refused(run, complaint)
    assert not run.keys.exists()


@pytest.mark.parametrize("setting", ["PAGE_PORT", "AUTH_PORT", "BOOKS_METRICS_PORT"])  # one of each kind
def test_a_port_in_use_is_refused_even_if_it_could_be_shared(run: Run, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        run.environment[setting] = str(listener.getsockname()[1])

        assert_refused(run, setting)


def test_a_file_in_place_of_the_data_folder_is_refused(run: Run) -> None:
    run.data.touch()

    assert_refused(run, "DATA_DIR")


def test_a_bad_key_file_is_refused(run: Run) -> None:
    run.data.mkdir()
    run.keys.write_text('{"keys": []}')
    run.keys.chmod(0o644)

    assert_refused(run, "read by others")
    assert run.keys.read_text() == '{"keys": []}'


def test_a_database_that_is_away_is_refused(run: Run) -> None:
    run.environment["BOOKS_DATABASE_URL"] = f"postgresql://ann@127.0.0.1:{free_port()}/books"

    assert_refused(run, "books_service")
