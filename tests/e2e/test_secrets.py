"""Nobody learns a secret from what the engine shows of the containers and images, or from the logs."""

import base64
import json

import pytest

from tests.e2e.stack import Stack, docker, inspect

pytestmark = pytest.mark.compose

PASSWORDS = {"auth": "auth", "books": "books", "db": "postgres"}  # whose container has which


def spellings(value: bytes) -> set[str]:
    """Return how a value may be written."""
    coded = {base64.b64encode(value).decode(), base64.urlsafe_b64encode(value).decode()}
    return {value.hex(), *(text.rstrip("=") for text in coded)}


@pytest.fixture(scope="module")
def secrets(stack: Stack) -> list[str]:
    """Return everything that must not be seen, in all its spellings."""
    passwords = [
        stack.execute(service, "cat", f"/run/bookstore/{name}/password")
        for service, name in PASSWORDS.items()
    ]
    jwks = json.loads(stack.execute("auth", "cat", "/run/bookstore/keys/keys.json"))["keys"]
    texts = [jwk["k"] for jwk in jwks]
    keys = [base64.urlsafe_b64decode(text + "==") for text in texts]
    assert min(map(len, [*passwords, *keys])) >= 32
    assert len(set(passwords)) == 3
    values = [*(text.encode() for text in [*passwords, *texts]), *keys]
    return [*passwords, *texts, *(spelling for value in values for spelling in spellings(value))]


def test_no_secret_is_shown(stack: Stack, secrets: list[str]) -> None:
    containers, logs = stack.containers(ended=True), stack.logs()
    names = [stack.environment[f"{service}_IMAGE"] for service in ("AUTH", "BOOKS")]
    histories = [docker("history", "--no-trunc", name) for name in names]
    shown = [json.dumps(containers), json.dumps([*inspect("image", *names), *histories]), logs]

    assert len(containers) == 9
    assert " /run/bookstore/keys/keys.json\n" in logs  # made, or kept by a later start
    assert min(map(len, shown)) > 1000
    assert [secret for secret in secrets if any(secret in text for text in shown)] == []
