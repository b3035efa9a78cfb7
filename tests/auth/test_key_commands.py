"""`flask --app auth_service keys …`: the key file is made, listed, rotated, and old keys are retired."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auth_service.cli import key_file
from common.tokens.keys import read_keys
from tests.auth.users import Operator, operator_in
from tests.cases import every


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inner" / "keys.json"


@pytest.fixture
def operator(path: Path) -> Iterator[Operator]:
    """Return somebody with a shell, who has no key file yet."""
    with operator_in({"DATA_DIR": str(path.parents[1]), "JWT_KEYS_FILE": str(path)}) as operator:
        yield operator


@pytest.fixture
def rotated(path: Path) -> list[str]:
    """Make a key file that was rotated once; return the ids of its keys, the one that signs first."""
    key_file.make_key_file(path)
    key_file.rotate(path, follow=0)
    return [jwk["kid"] for jwk in jwks(path)]


def jwks(path: Path) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(path.read_text())["keys"]
    return keys


def write(path: Path, keys: list[dict[str, Any]]) -> str:
    """Replace the keys of the file; return its text."""
    path.write_text(json.dumps({"keys": keys}))
    return path.read_text()


def test_a_key_file_is_made_once_for_its_owner_alone(operator: Operator, path: Path) -> None:
    assert operator.succeed("keys", "init") == f"made {path}"

    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    (key,) = jwks(path)
    assert (key["kty"], key["alg"], key["key_ops"]) == ("oct", "HS256", ["sign", "verify"])
    assert len(read_keys(path).signing.secret) >= 32
    assert operator.succeed("keys", "init") == f"kept {path}"
    assert path.read_bytes() == made


def test_after_a_rotation_a_new_key_signs(operator: Operator, path: Path, rotated: list[str]) -> None:
    lines, (new, old) = operator.succeed("keys", "list").splitlines(), jwks(path)

    assert [line.split()[:2] for line in lines] == [[rotated[0], "sign,verify"], [rotated[1], "verify"]]
    assert not [jwk for jwk in jwks(path) if jwk["k"] in "\n".join(lines)]
    assert read_keys(path).signing.id == rotated[0]
    assert set(read_keys(path).verifying) == set(rotated)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Here the new key signs at once; everybody reads the file within 2 s.
    assert old["exp"] >= new["iat"] + 2700 + 30 + 2


def test_a_rotation_can_be_taken_step_by_step(operator: Operator, path: Path, rotated: list[str]) -> None:
    added, pending = operator.succeed("keys", "add"), operator.succeed("keys", "add")
    before = read_keys(path)
    operator.succeed("keys", "sign", added)
    after = read_keys(path)

    assert (before.signing.id, after.signing.id) == (rotated[0], added)
    assert set(before.verifying) == set(after.verifying) == {*rotated, added, pending}
    exps = {jwk["kid"]: jwk["exp"] for jwk in jwks(path) if "exp" in jwk}
    assert [*exps] == rotated
    # Copies of the file may let the old key sign for minutes yet.
    assert exps[rotated[0]] >= jwks(path)[0]["iat"] + 2700 + 30 + 120
    assert operator.fail("keys", "sign", "x") == "there is no such key"


@every(
    "words, reason",
    [
        ("sign {old}", "was replaced"),
        ("retire {old}", "--force"),
        ("retire {new}", "rotate first"),
        ("retire {new} --force", "rotate first"),
        ("retire {old}x --force", "no such key"),
    ],
)
def test_no_replaced_key_signs_again_and_none_that_is_needed_or_not_there_is_retired(
    operator: Operator, path: Path, rotated: list[str], words: str, reason: str
) -> None:
    before, (new, old) = path.read_bytes(), rotated

    assert reason in operator.fail("keys", *words.format(new=new, old=old).split())
    assert path.read_bytes() == before


def test_a_key_is_retired_by_force_or_in_time(operator: Operator, path: Path, rotated: list[str]) -> None:
    new, old = jwks(path)
    for options, exp in (["--force"], old["exp"]), ([], 1):
        write(path, [new, old | {"exp": exp}])

        operator.succeed("keys", "retire", *options, rotated[1])

        assert list(read_keys(path).verifying) == [rotated[0]]


CHANGES = [["list"], ["rotate"], ["add"], ["sign", "x"], ["retire", "x"]]
COMMANDS = [["init"], *CHANGES]


@every("words", CHANGES)
def test_without_a_file_there_is_nothing_to_change(operator: Operator, path: Path, words: list[str]) -> None:
    assert str(path) in operator.fail("keys", *words)
    path.parent.mkdir()

    assert re.search(f"{path}.*missing", operator.fail("keys", *words))
    path.parent.rmdir()


@every("words", COMMANDS)
@every("content", ["", "{", "[]", '{"keys": [1]}', '{"keys": [{"kid": "x"}]}', "\x00\xff"])
@pytest.mark.usefixtures("rotated")
def test_a_broken_or_open_file_stays(operator: Operator, path: Path, words: list[str], content: str) -> None:
    path.write_text(content)

    assert str(path) in operator.fail("keys", *words)
    path.chmod(0o640)
    assert re.search(f"{path}.*0600", operator.fail("keys", *words))
    assert path.read_text() == content
    path.chmod(0o600)


@every("words", [["list"], ["retire"]])
@every("member", ["iat", "exp"])
@every("time", ["soon", None, 1e300])
def test_a_key_with_a_strange_time_breaks_no_command(
    operator: Operator, path: Path, rotated: list[str], words: list[str], member: str, time: object
) -> None:
    new, old = jwks(path)
    before = write(path, [new, old | {member: time}])

    done = operator.run("keys", *words, *(rotated[1:] if words == ["retire"] else []))

    assert done.exit_code == 0 or done.stderr.startswith("Error: "), repr(done.exception)
    assert path.read_text() == before


def test_passwords_are_made_once_and_an_empty_one_is_refused(operator: Operator, tmp_path: Path) -> None:
    first, second = tmp_path / "first" / "password", tmp_path / "second"
    second.write_text("of the operator")
    words = ["keys", "init", "--password", str(first), "--password", str(second)]

    assert operator.succeed(*words).splitlines()[1:] == [f"made {first}", f"kept {second}"]
    made = first.read_text()
    assert operator.succeed(*words).splitlines()[1:] == [f"kept {first}", f"kept {second}"]

    assert (first.read_text(), second.read_text()) == (made, "of the operator")
    assert len(made) >= 32
    assert stat.S_IMODE(first.stat().st_mode) == 0o444  # the database is another user
    assert list(first.parent.iterdir()) == [first]
    second.write_text("")
    assert "is empty" in operator.fail(*words)


def test_beside_a_single_secret_there_is_no_key_file(tmp_path: Path) -> None:
    password, secret = tmp_path / "password", "nBqJ3vY7pLw9sXc2zRt5uKm8hGd4fEa1"
    with operator_in({"DATA_DIR": str(tmp_path / "data"), "JWT_SECRET": secret}) as operator:
        lines = operator.succeed("keys", "init", "--password", str(password)).splitlines()
        refusals = [operator.fail("keys", *words) for words in CHANGES]

    assert lines == ["the key is JWT_SECRET, so no key file is made", f"made {password}"]
    assert not (tmp_path / "data").exists()
    assert all("JWT_SECRET" in line and secret not in line for line in refusals)
