"""The compose file takes its settings, all optional, from the environment or .env."""

import json
import os
import re
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import jwt
import pytest

from auth_service.cli import key_file
from tests.e2e.stack import MakeStack, Stack
from tests.programs import ROOT

pytestmark = pytest.mark.compose

USER = 10001  # whom the images run as
SECRETS = ["jwt_keys", "auth_password", "books_password", "postgres_password"]


def every_setting() -> str:
    """Return the example of a .env with each setting that has a value there."""
    text = re.sub(r"^#(?=[A-Z_]+=.)", "", (ROOT / ".env.example").read_text(), flags=re.M)
    assert len(re.findall("^[A-Z_]+=", text, re.M)) > 15
    return text


def settings(stack: Stack, service: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.compose("config", "--format=json"))
    environment: dict[str, Any] = found["services"][service]["environment"]
    return environment


@pytest.mark.parametrize("text", ["", every_setting()], ids=["without a .env", "with a .env"])
def test_the_configuration_is_clean(make_stack: MakeStack, text: str) -> None:
    stack = make_stack()
    (stack.folder / ".env").write_text(text)

    done = stack.attempt("config", "--quiet")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_setting_in_dotenv_reaches_the_service(make_stack: MakeStack) -> None:
    stack = make_stack()
    before = settings(stack, "auth")
    (stack.folder / ".env").write_text("THREADS=7\nPASSWORD_MIN_LENGTH=12\n")

    after = settings(stack, "auth")

    assert "7" not in before.values()
    assert (after["THREADS"], after["PASSWORD_MIN_LENGTH"]) == ("7", "12")


def assert_used_and_kept(stack: Stack, path: Path, inside: str) -> None:
    """Fail unless the containers take the keys at this path, as the file `inside`, and leave them alone."""
    text = path.read_text()

    said = stack.run("keys").splitlines()
    listed = stack.run("keys", "flask", "--app=auth_service", "keys", "list")

    assert f"kept {inside}" in said
    assert json.loads(text)["keys"][0]["kid"] in listed
    assert path.read_text() == text


@pytest.mark.usefixtures("stack")  # it builds the images
def test_keys_in_a_folder_of_the_operators_own_are_used_and_kept(make_stack: MakeStack) -> None:
    stack = make_stack(KEYS_FOLDER="./my-keys")
    path = stack.folder / "my-keys" / "keys.json"
    key_file.make_key_file(path)
    for owned in (path.parent, path):
        os.chown(owned, USER, USER)

    assert_used_and_kept(stack, path, "/run/bookstore/keys/keys.json")


def with_secrets(make_stack: MakeStack) -> Stack:
    """Return a stack with the settings and the override that docs/operations.md shows, not started."""
    operations = (ROOT / "docs/operations.md").read_text()
    block = r"^```sh\n((?:[A-Z_]+_FILE=[^\n]*\n)+)```$.*?^```yaml\n(.*?)^```$"
    shown = re.search(block, operations, re.M | re.S)
    assert shown
    stack = make_stack()
    folder = stack.folder / "secrets"
    (stack.folder / ".env").write_text(shown[1])
    (stack.folder / "docker-compose.override.yml").write_text(shown[2].replace("/etc/bookstore", "./secrets"))
    key_file.make_key_file(folder / "jwt_keys")
    for name in SECRETS[1:]:
        (folder / name).write_text(f"{token_urlsafe()}\n")
    for path in folder.iterdir():
        path.chmod(0o444)
    return stack


@pytest.mark.usefixtures("stack")  # it builds the images
def test_all_secrets_can_be_compose_secrets(make_stack: MakeStack) -> None:
    stack = with_secrets(make_stack)
    secrets = {name: (stack.folder / "secrets" / name).read_text() for name in SECRETS}
    assert_used_and_kept(stack, stack.folder / "secrets" / "jwt_keys", "/run/secrets/jwt_keys")

    stack.up()

    assert jwt.get_unverified_header(stack.register().token)["kid"] in secrets["jwt_keys"]
    for role in ("postgres", "auth", "books"):
        right = ["PGPASSWORD=" + secrets[f"{role}_password"].strip(), "PGPASSWORD=wrong"]
        log_in = ["psql", "--host=db", f"--username={role}", "--command=SELECT", role]
        tried = [stack.attempt("exec", "-T", "--env", word, "db", *log_in) for word in right]
        assert [attempt.returncode for attempt in tried] == [0, 2], tried
    for service in ("auth", "books"):
        assert stack.execute(service, "find", "/run/bookstore", "-type", "f") == ""
        seen = stack.execute(service, "ls", "/run/secrets").split()
        assert seen == sorted(["jwt_keys", f"{service}_password"])
    assert {path.name: path.read_text() for path in (stack.folder / "secrets").iterdir()} == secrets
