"""`deploy/kubernetes/keys`: however late a Secret reaches the pods, each has a key before it signs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auth_service.cli import key_file
from tests.programs import ROOT

# A cluster whose pods get a changed Secret one by one, each time that they are listed. What is to run in a
# pod runs here; whenever the Secret changes, what it was and what the pods have is kept in a folder 0, 1, ...
# A file `other` is what somebody else makes of the Secret meanwhile.
KUBECTL = """#!/bin/sh
set -eu
case "$1 $2" in
    "get secret") base64 -w 0 secret ;;
    "get pods")
        for pod in a b c; do
            cmp -s secret $pod || { cp secret $pod; break; }
        done
        printf 'pod/%s\\n' a b c
        ;;
    "patch secret")
        number=$(find . -type d -name '[0-9]' | wc -l)
        mkdir $number
        cp -r secret a b c $number
        python -c "$PATCH" "${5#--patch-file=}"
        ;;
    exec*)
        [ ! -e other ] || mv other secret
        while [ "$1" != -- ]; do pod=${1#pod/}; shift; done
        shift
        JWT_KEYS_FILE=$PWD/$pod "$@"
        ;;
esac
"""
PATCH = """
import base64, json, pathlib, sys
secret, (test, replace) = pathlib.Path("secret"), json.load(open(sys.argv[1]))
assert (test["op"], replace["op"]) == ("test", "replace")
assert {test["path"], replace["path"]} == {"/data/keys.json"}
assert base64.b64decode(test["value"]) == secret.read_bytes(), "the test of the patch fails"
secret.write_bytes(base64.b64decode(replace["value"]))
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """Return the folder of a cluster that is no more than the program `kubectl`, and nobody sleeps there."""
    programs = {"kubectl": KUBECTL, "sleep": "#!/bin/sh\n"}
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    key_file.make_key_file(tmp_path / "secret")
    for pod in "abc":
        (tmp_path / pod).write_bytes((tmp_path / "secret").read_bytes())
    return tmp_path


def change_keys(cluster: Path, *words: str) -> tuple[int, str]:
    """Run the script; return its status and what it said."""
    path = f"{cluster}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PYTHONPATH": str(ROOT), "FLASK_SKIP_DOTENV": "1", "PATCH": PATCH}
    command = [str(ROOT / "deploy/kubernetes/keys"), *words]
    done = subprocess.run(
        command, cwd=cluster, env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


def kids(path: Path, operation: str = "verify") -> list[str]:
    """Return the ids of the keys in a file that do this."""
    return [jwk["kid"] for jwk in json.loads(path.read_text())["keys"] if operation in jwk["key_ops"]]


def test_every_pod_has_a_key_before_it_signs(cluster: Path) -> None:
    (old,) = kids(cluster / "secret")

    status, said = change_keys(cluster, "rotate")

    assert status == 0, said
    (new,) = kids(cluster / "secret", "sign")
    assert [kids(cluster / pod, "sign") for pod in "abc"] == [[new]] * 3
    for pod in "abc":  # when the Secret lets the new key sign, and the old one signs in each pod
        assert (kids(cluster / "1" / pod), kids(cluster / "1" / pod, "sign")) == ([old, new], [old])


def test_what_cannot_be_done_and_a_list_change_no_secret_and_wait_for_nobody(cluster: Path) -> None:
    (old,) = kids(cluster / "secret")
    (cluster / "a").write_text("late")

    status, said = change_keys(cluster, "list")
    assert (status, said.startswith(f"{old}  sign,verify")) == (0, True)
    status, said = change_keys(cluster, "retire", old, "--force")

    assert (status != 0, "this key signs" in said) == (True, True)
    assert kids(cluster / "secret", "sign") == [old]
    assert ((cluster / "0").exists(), (cluster / "a").read_text()) == (False, "late")


def test_keys_that_somebody_else_changes_meanwhile_are_kept(cluster: Path) -> None:
    other = cluster / "other"
    other.write_bytes((cluster / "secret").read_bytes())
    other.chmod(0o600)
    key_file.add(other)
    changed = other.read_bytes()

    status, said = change_keys(cluster, "rotate")

    assert (status, "somebody else" in said) == (1, True)
    assert (cluster / "secret").read_bytes() == changed


def test_a_pod_that_never_has_the_keys_is_named(cluster: Path) -> None:
    (cluster / "a").unlink()
    (cluster / "a").mkdir()

    status, said = change_keys(cluster, "rotate")

    assert (status, "pod/a does not have it yet" in said) == (1, True)
