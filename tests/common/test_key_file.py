"""The key file while it is in use: whatever stands in its place, nothing hangs, and the old keys stay."""

import json
import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from common.errors import TokenRejected
from common.tokens import keys as key_files
from common.tokens.access import issue
from common.tokens.keys import Keys, read_keys
from common.web.guard import Verifier
from tests import api
from tests.books.conftest import somebody
from tests.cases import on_sqlite, own_on_sqlite
from tests.common.log_lines import all_lines
from tests.common.test_keys import GOOD, jwk, write
from tests.pair import Pair
from tests.people import register
from tests.resilience.alone import workers
from tests.served import ServedPair
from tests.waiting import wait_until

ID = "0b7f9d1e-3c5a-4e2b-9f60-1a2b3c4d5e6f"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with one key, named old."""
    path = tmp_path / "keys.json"
    write(path, jwk(GOOD, kid="old"))
    return path


@pytest.fixture
def keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Return the keys of the file, which is looked at whenever somebody asks."""
    monkeypatch.setattr(key_files, "RELOAD_EVERY", 0)
    return Keys(path)


def test_a_file_is_read_again_if_it_changed_and_was_not_read_a_moment_ago(path: Path) -> None:
    keys = Keys(path)
    before = keys.current
    assert not keys.reload()
    write(path, jwk(kid="new"))
    assert not keys.reload()
    assert keys.current is before

    later = Keys(path)
    write(path, jwk(kid="newer"))
    assert later.find("newer") == read_keys(path).signing
    assert later.find("nobody's") is None


def test_what_could_not_be_read_is_read_at_the_next_look(keys: Keys, path: Path) -> None:
    write(path, jwk(kid="new"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # no file can be opened
    try:
        assert not keys.reload()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (keys.current.signing.id, keys.complaint) == ("old", "the key file cannot be read")

    assert keys.reload()
    assert (keys.current.signing.id, keys.complaint) == ("new", None)


def make_link(path: Path) -> None:
    """Put a link to a file of another user there, which root alone can make."""
    other = path.with_name("other.json")
    write(other, jwk(kid="other"))
    os.chown(other, os.geteuid() + 1, -1)
    path.symlink_to(other)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
TEXTS = [" ", "{", '{"keys":[]}', json.dumps({"keys": [jwk(b"changeme" * 5)]})]
THINGS = [*(partial(write, text=text) for text in TEXTS), pytest.param(make_link, marks=as_root)]
THINGS += [lambda _path: None, partial(os.mkfifo, mode=0o600), Path.mkdir]


@pytest.mark.parametrize("put", THINGS)
def test_what_is_put_in_its_place_leaves_the_old_keys_in_use_until_the_file_is_back(
    keys: Keys, path: Path, put: Callable[[Path], None], capfd: pytest.CaptureFixture[str]
) -> None:
    path.rename(aside := path.with_name("aside"))
    put(path)
    open_files = len(list(Path("/proc/self/fd").iterdir()))

    assert not keys.reload()
    assert keys.current.signing.id == "old"
    assert keys.complaint
    assert "keys_refused" in capfd.readouterr().out
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files

    with suppress(FileNotFoundError):
        path.rename(path.with_name("away"))
    aside.rename(path)
    assert keys.reload()
    assert keys.complaint is None


def test_a_folder_that_is_swapped_behind_a_link_is_noticed(keys: Keys, path: Path) -> None:
    """Kubernetes changes a Secret's volume in this way."""
    path.unlink()
    path.symlink_to("..data/keys")
    data = path.with_name("..data")
    for kid in ("first", "second"):
        folder = path.with_name(kid)
        folder.mkdir()
        write(folder / "keys", jwk(kid=kid))
        data.unlink(missing_ok=True)
        data.symlink_to(folder)

        assert keys.reload()
        assert keys.current.signing.id == kid


def test_a_new_key_is_looked_up_at_once_and_a_remembered_token_ends_with_its_key(
    keys: Keys, path: Path
) -> None:
    def new_token() -> str:
        return issue(read_keys(path).signing, public_id=ID, session_id=ID, now=time.time())

    verifier, old = Verifier(keys), new_token()
    verifier.verify(old)

    write(path, jwk(kid="new"))

    verifier.verify(new_token())
    with pytest.raises(TokenRejected):
        verifier.verify(old)


@on_sqlite
def test_a_single_secret_is_shared_by_both_services(pair: Pair) -> None:
    assert register(pair.variant(JWT_SECRET=GOOD.decode())).get("/books").status_code == 200


@own_on_sqlite
def test_two_workers_refuse_a_file_that_breaks_loudly_and_keep_the_last_good_keys(
    own_served_pair: ServedPair,
) -> None:
    books = own_served_pair.start("books")
    path, token = books.folder / "keys.json", somebody(books).token
    good = path.read_text()

    write(path, text='{"keys": [')
    wait_until(lambda: times_refused(books) == 3, "not both workers and their parent have refused the file")
    assert {state_of_keys(books) for _ in range(8)} == {"degraded"}
    workers(books)[0].kill()
    wait_until(lambda: len(workers(books)) == 2, "there is another worker")
    address, headers = books.url("books") + "/books", {"x-access-tokens": token}
    assert [api.get(address, headers=headers).status_code for _ in range(16)] == [200] * 16

    write(path, text=good)
    wait_until(lambda: {state_of_keys(books) for _ in range(8)} == {"ok"}, "the good file is not taken")


def times_refused(pair: ServedPair) -> int:
    """Return how often books has logged that the file is refused."""
    return [line["event"] for line in all_lines(pair.log("books").read_text())].count("keys_refused")


def state_of_keys(pair: Pair) -> str:
    """Return what a worker of books says of its keys, which never make it unready."""
    ready = api.get(pair.url("books") + "/readyz")
    assert ready.status_code == 200
    return str(ready.json()["checks"]["keys"])
