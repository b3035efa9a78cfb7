"""The commands of README.md for Docker, as somebody pastes them who has just found the repository."""

import jwt
import pytest

from tests import api
from tests.e2e.stack import Stack
from tests.readme import blocks
from tests.shells import paste

pytestmark = pytest.mark.compose

PASSWORD = "correct horse battery staple"


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
