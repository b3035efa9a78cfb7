"""The compose file takes its settings, all optional, from the environment or .env."""

import json
import os
import re
from typing import Any

import pytest

from auth_service.cli import key_file
from tests.e2e.stack import MakeStack, Stack
from tests.programs import ROOT

pytestmark = pytest.mark.compose

USER = 10001  # whom the images run as


def every_setting() -> str:
    """Return the example of a .env with each setting that has a value there."""
    text = re.sub(r"^#(?=[A-Z_]+=.)", "", (ROOT / ".env.example").read_text(), flags=re.M)
    assert len(re.findall("^[A-Z_]+=", text, re.M)) > 15
    return text


def settings(stack: Stack, service: str) -> dict[str, Any]:
    """Return the environment of a service; fail if Compose complains of anything."""
    done = stack.attempt("config", "--format=json")
    assert (done.returncode, done.stderr) == (0, "")
    environment: dict[str, Any] = json.loads(done.stdout)["services"][service]["environment"]
    return environment


def test_the_configuration_is_clean_and_a_setting_in_dotenv_reaches_the_service(
    make_stack: MakeStack,
) -> None:
    stack = make_stack()
    before = settings(stack, "auth")
    (stack.folder / ".env").write_text(every_setting() + "THREADS=7\nPASSWORD_MIN_LENGTH=12\n")

    after = settings(stack, "auth")

    assert "7" not in before.values()
    assert (after["THREADS"], after["PASSWORD_MIN_LENGTH"]) == ("7", "12")


@pytest.mark.usefixtures("stack")  # it builds the images
def test_keys_in_a_folder_of_the_operators_own_are_used_and_kept(make_stack: MakeStack) -> None:
    stack = make_stack(KEYS_FOLDER="./my-keys")
    path = stack.folder / "my-keys" / "keys.json"
    key_file.make_key_file(path)
    for owned in (path.parent, path):
        os.chown(owned, USER, USER)
    text = path.read_text()

    said = stack.run("keys").splitlines()

    assert "kept /run/bookstore/keys/keys.json" in said
    assert path.read_text() == text
