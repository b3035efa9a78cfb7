"""A key file that cannot be read for a moment is read again, though it has not changed since."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.tokens import keys
from common.tokens.keys import KeyFile
from tests.common.jwks import jwk, write


@contextmanager
def without_file_numbers() -> Iterator[None]:
    """Let no file be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_could_not_be_read_is_read_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "RELOAD_EVERY", 0)
    path = tmp_path / "keys.json"
    write(path, jwk(kid="old"))
    file = KeyFile(path)
    write(path, jwk(kid="new"))

    with without_file_numbers():
        assert not file.reload()
        assert file.current().signing.id == "old"
        assert file.complaint == "the key file cannot be read"

    assert file.reload()
    assert file.current().signing.id == "new"
    assert file.complaint is None
