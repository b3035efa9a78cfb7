"""What several tests of this folder start from."""

import secrets
from pathlib import Path

import pytest

from tests.pair import SERVICES


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return the URL of an empty database by service."""
    if request.param == "sqlite":
        return {service: f"sqlite:///{tmp_path / service}.db" for service in SERVICES}
    postgres = request.getfixturevalue("postgres")
    return {service: postgres.create_database(f"{service}_{secrets.token_hex(4)}") for service in SERVICES}
