"""The commands of README.md for Docker, as somebody pastes them who has just found it, and first settings."""

import json
import os
import re
from pathlib import Path
from typing import Any

import jwt
import pytest

from auth_service.cli import key_file
from tests import api
from tests.e2e.stack import Stack
from tests.programs import ROOT
from tests.readme import blocks
from tests.shells import paste

pytestmark = pytest.mark.compose

PASSWORD = "correct horse battery staple"
USER = 10001  # whom the images run as


def log_in(stack: Stack, name: str) -> str:
    answer = api.post(stack.url("auth") + "/login", auth=(name, PASSWORD))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def test_it_comes_up_with_the_data_from_before_and_has_an_admin(stack: Stack) -> None:
    """The fixture has started it from a fresh clone, with nothing prepared."""
    person = stack.register()
    book = person.add_book()
    (block,) = blocks("README.md", "## Run it with Docker")

    lines = f"make down\n{block}{PASSWORD}\n"  # which `make admin` asks for
    paste("bash", lines, folder=stack.folder, **stack.environment)

    assert not (stack.folder / ".env").exists()
    assert person.get("/books").json()["list_of_books"] == [book]
    token = log_in(stack, "Root")
    users = api.get(stack.url("auth") + "/users", headers={"Authorization": f"Bearer {token}"})
    assert users.status_code == 200
    assert jwt.get_unverified_header(token) == jwt.get_unverified_header(person.token)


def test_keys_rotate_under_use(stack: Stack) -> None:
    person = stack.register()

    kid = paste("bash", "make rotate-keys\n", folder=stack.folder, **stack.environment).strip()

    assert jwt.get_unverified_header(person.token)["kid"] != kid
    assert kid in stack.execute("auth", "cat", "/run/bookstore/keys/keys.json")
    assert kid in stack.sql("auth", "SELECT detail FROM audit WHERE event = 'key.rotated'")
    assert person.get("/books").status_code == 200


def every_setting() -> str:
    """Return the example of a .env with each setting that has a value there."""
    text = re.sub(r"^#(?=[A-Z_]+=.)", "", (ROOT / ".env.example").read_text(), flags=re.M)
    assert len(re.findall("^[A-Z_]+=", text, re.M)) > 15
    return text


def environment_of(stack: Stack, service: str, *words: str) -> dict[str, Any]:
    """Return the environment of a service; fail if Compose complains of anything."""
    done = stack.attempt(*words, "config", "--format=json")
    assert (done.returncode, done.stderr) == (0, "")
    environment: dict[str, Any] = json.loads(done.stdout)["services"][service]["environment"]
    return environment


def test_the_configuration_is_clean_and_a_setting_in_dotenv_reaches_the_service(
    stack: Stack, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(every_setting() + "THREADS=7\nPASSWORD_MIN_LENGTH=12\n")

    before, after = environment_of(stack, "auth"), environment_of(stack, "auth", f"--env-file={dotenv}")

    assert "7" not in before.values()
    assert (after["THREADS"], after["PASSWORD_MIN_LENGTH"]) == ("7", "12")


def test_keys_in_a_folder_of_the_operators_own_are_used_and_kept(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "keys.json"
    key_file.make_key_file(path)
    for owned in (path.parent, path):
        os.chown(owned, USER, USER)
    text = path.read_text()

    said = stack.run("keys", KEYS_FOLDER=str(path.parent)).splitlines()

    assert "kept /run/bookstore/keys/keys.json" in said
    assert path.read_text() == text
