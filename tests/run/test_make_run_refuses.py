"""`tools/run.py` refuses to start with one line that says what is wrong, and leaves no process behind."""

import socket

import pytest

from tests.pair import free_port
from tests.run.runs import PORTS, Run


def assert_refused(run: Run, complaint: str) -> None:
    """Fail unless it gives up with one line that has `complaint` in it, and leaves nothing behind."""
    run.start()

    assert run.wait_end() == 1
    assert len(run.errors) == 1, run.errors
    assert complaint in run.errors[0]
    assert run.processes() == []


def test_a_secret_in_the_environment_stands_in_place_of_the_key_file(run: Run) -> None:
    run.environment["JWT_SECRET"] = "short"

    assert_refused(run, "shorter than 32 bytes")
    assert not run.keys.exists()


@pytest.mark.parametrize("setting", PORTS)
def test_a_port_in_use_is_refused(run: Run, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        run.environment[setting] = str(listener.getsockname()[1])

        assert_refused(run, setting)


def test_a_port_that_gunicorn_would_share_is_refused(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        run.environment["BOOKS_PORT"] = str(listener.getsockname()[1])

        assert_refused(run, "BOOKS_PORT")


def test_one_port_for_both_services_is_refused(run: Run) -> None:
    run.environment["BOOKS_PORT"] = run.environment["AUTH_PORT"]

    assert_refused(run, "BOOKS_PORT")


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "1e3"])
def test_a_port_that_is_none_is_refused(run: Run, port: str) -> None:
    run.environment["AUTH_PORT"] = port

    assert_refused(run, "AUTH_PORT")


def test_a_file_in_place_of_the_data_folder_is_refused(run: Run) -> None:
    run.data.touch()

    assert_refused(run, "DATA_DIR")


def test_a_folder_that_cannot_be_written_is_refused(run: Run) -> None:
    run.environment["DATA_DIR"] = "/proc"  # where not even root makes a file

    assert_refused(run, "DATA_DIR")


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        pytest.param("", 0o600, "empty", id="empty"),
        pytest.param('{"keys": []}', 0o644, "read by others", id="too open"),
    ],
)
def test_a_bad_key_file_is_refused(run: Run, content: str, mode: int, complaint: str) -> None:
    run.data.mkdir()
    run.keys.write_text(content)
    run.keys.chmod(mode)

    assert_refused(run, complaint)
    assert run.keys.read_text() == content


def test_a_database_that_is_away_is_refused(run: Run) -> None:
    run.environment["BOOKS_DATABASE_URL"] = f"postgresql://ann@127.0.0.1:{free_port()}/books"

    assert_refused(run, "books_service")
