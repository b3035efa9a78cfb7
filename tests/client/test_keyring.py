"""The command `bookstore` where the machine has a keyring."""

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from tests.client.conftest import Shell


class MemoryKeyring(KeyringBackend):  # type: ignore[misc] # its types are skipped
    """A keyring as good as a desktop's, for one test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if not self.kept.pop((service, username), None):
            raise PasswordDeleteError


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    before, memory = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def test_the_tokens_are_in_the_keyring_alone_until_the_logout(memory: MemoryKeyring, user: Shell) -> None:
    assert user.json("whoami")
    assert [service for service, _ in memory.kept] == ["bookstore"]
    assert [path.name for path in user.home.rglob("*.json")] == []

    user.run("logout")

    assert memory.kept == {}
    assert "log in with" in user.run("sessions", code=3)
    user.run("logout")  # of nobody
