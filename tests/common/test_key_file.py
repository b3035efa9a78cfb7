"""The key file while it is in use: a change is noticed, a broken one changes nothing."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.tokens import keys as key_files
from common.tokens.keys import Keys, read_keys
from tests.common.jwks import jwk, write, write_text

GOOD = b"0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with one key, named old."""
    path = tmp_path / "keys.json"
    write(path, jwk(GOOD, kid="old"))
    return path


def test_a_file_that_did_not_change_is_not_read_again(path: Path) -> None:
    keys = Keys(path)
    before = keys.current()

    assert not keys.reload()
    assert keys.current() is before


def test_somebody_who_asks_all_the_time_reads_the_file_once(path: Path) -> None:
    keys = Keys(path)
    keys.reload()

    write(path, jwk(kid="new"))

    assert not keys.reload()


@pytest.mark.parametrize("text", ["", "{", '{"keys":[]}', json.dumps({"keys": [jwk(b"changeme" * 5)]}), None])
def test_a_file_that_breaks_or_goes_away_leaves_the_old_keys_in_use(
    path: Path, text: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    keys = Keys(path)

    if text is None:
        path.unlink()
    else:
        write_text(path, text)

    assert not keys.reload()
    assert keys.current().signing.id == "old"
    assert keys.complaint
    assert "keys_refused" in capfd.readouterr().out


def test_no_key_shows_in_a_representation(path: Path) -> None:
    keys = Keys(path)

    assert "0123456789" not in f"{read_keys(path)!r} {read_keys(path)} {keys.current()!r} {vars(keys)}"


def test_what_could_not_be_read_is_read_at_the_next_look(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files, "RELOAD_EVERY", 0)
    file = Keys(path)
    write(path, jwk(kid="new"))

    with without_file_numbers():
        assert not file.reload()
        assert file.current().signing.id == "old"
        assert file.complaint == "the key file cannot be read"

    assert file.reload()
    assert file.current().signing.id == "new"
    assert file.complaint is None


@contextmanager
def without_file_numbers() -> Iterator[None]:
    """Let no file be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
