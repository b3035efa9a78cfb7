"""The commands of README.md for Docker, as somebody pastes them who has just found the repository."""

import jwt
import pytest

from tests import api
from tests.e2e.stack import MakeStack, Stack
from tests.readme import WALKER, blocks, walk
from tests.shells import paste

pytestmark = pytest.mark.compose

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def fresh_stack(make_stack: MakeStack) -> Stack:
    return make_stack()


@pytest.mark.parametrize(("shell", "name"), [("bash", "Root"), ("zsh", "Zoe")])  # the second finds it running
def test_a_fresh_clone_comes_up_and_has_an_admin(fresh_stack: Stack, shell: str, name: str) -> None:
    (block,) = blocks("README.md", "## Run it with Docker")
    lines = block.replace("Root", name) + f"{PASSWORD}\n"  # which `make admin` asks for

    paste(shell, lines, folder=fresh_stack.folder, **fresh_stack.environment)

    assert api.post(fresh_stack.url("auth") + "/login", auth=(name, PASSWORD)).status_code == 200


def log_in(stack: Stack) -> str:
    """Log in as the walk's somebody and return the token."""
    answer = api.post(stack.url("auth") + "/login", auth=WALKER)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def seen_with(stack: Stack, token: str) -> list[object]:
    """Return what both services answer to this token, without the time of the last login."""
    headers = {"Authorization": f"Bearer {token}"}
    asked = [("auth", "/me"), ("books", "/books")]
    answers = [api.get(stack.url(name) + path, headers=headers) for name, path in asked]
    assert [answer.status_code for answer in answers] == [200, 200]
    return [answer.json() | {"last_login_at": None} for answer in answers]


def test_it_takes_the_walk_outlives_down_and_up_and_leaves_nothing(fresh_stack: Stack) -> None:
    stack = fresh_stack.up()
    assert not (stack.folder / ".env").exists()

    walk(auth=stack.url("auth"), books=stack.url("books"))
    token = log_in(stack)
    seen = seen_with(stack, token)

    stack.compose("down")
    stack.up()
    assert seen_with(stack, token) == seen
    again = log_in(stack)
    assert jwt.get_unverified_header(again) == jwt.get_unverified_header(token)
    assert seen_with(stack, again) == seen

    assert len(stack.left_behind()) > len(stack.containers())
    stack.down()
    assert stack.left_behind() == []
