"""The commands of README.md for Docker, as somebody pastes them who has just found the repository."""

import pytest

from tests import api
from tests.e2e.stack import MakeStack, Stack
from tests.readme import blocks
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
