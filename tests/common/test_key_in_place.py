"""What stands in the place of the key file while a service runs: nothing hangs, and the old keys stay."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.tokens import keys as key_files
from common.web.guard import Verifier
from tests import api
from tests.common.jwks import jwk, write
from tests.pair import Pair


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with one key, named old."""
    path = tmp_path / "keys.json"
    write(path, jwk(kid="old"))
    return path


@pytest.fixture
def keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> key_files.Keys:
    monkeypatch.setattr(key_files, "RELOAD_EVERY", 0)
    return key_files.Keys(path)


def make_link(path: Path) -> None:
    """Put a link to a file of another user there, which root alone can make."""
    other = path.with_name("other.json")
    write(other, jwk(kid="other"))
    os.chown(other, os.geteuid() + 1, -1)
    path.symlink_to(other)


def make_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
THINGS = [make_fifo, Path.mkdir, pytest.param(make_link, marks=as_root)]


@pytest.mark.parametrize("put", THINGS)
def test_something_else_leaves_the_old_keys_until_the_file_is_back(
    keys: key_files.Keys, path: Path, put: Callable[[Path], None]
) -> None:
    path.rename(aside := path.with_name("aside"))
    put(path)

    assert not keys.reload()
    assert keys.current().signing.id == "old"
    assert keys.complaint

    path.rename(path.with_name("away"))
    aside.rename(path)
    assert keys.reload()
    assert keys.complaint is None


def test_no_file_number_is_lost(keys: key_files.Keys, path: Path) -> None:
    path.unlink()
    path.mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(10):
        keys.reload()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.fixture
def fifo(pair: Pair, keys: key_files.Keys, path: Path) -> Iterator[Path]:
    """Let auth have its keys in a file in whose place there is a FIFO."""
    extensions = pair.apps["auth"].extensions
    verifier, extensions["verifier"] = extensions["verifier"], Verifier(keys)
    path.unlink()
    make_fifo(path)
    yield path
    extensions["verifier"] = verifier


@pytest.mark.usefixtures("fifo")
@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
def test_a_fifo_hangs_no_route_and_shows_in_readyz(pair: Pair) -> None:
    url, headers = pair.url("auth"), {"Authorization": "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ.e30.x"}

    assert api.get(f"{url}/me", headers=headers).status_code == 401
    pair.apps["auth"].extensions["verifier"].keys.reload()
    ready = api.get(f"{url}/readyz")
    assert (ready.status_code, ready.json()["checks"]["keys"]) == (200, "degraded")
