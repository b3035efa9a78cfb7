"""An environment that says nothing, and what the settings say of a bad one."""

from pathlib import Path

import pytest

from auth_service.settings import AuthSettings
from common.settings import Misconfigured

NUMBERS = [
    *(
        "AUTH_PORT",
        "AUTH_METRICS_PORT",
        "WEB_CONCURRENCY",
        "THREADS",
        "PASSWORD_MIN_LENGTH",
        "ARGON2_MEMORY_KIB",
    ),
    *("ARGON2_TIME_COST", "ARGON2_PARALLELISM", "SESSION_IDLE_DAYS", "SESSION_MAX_DAYS"),
]


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Begin with an environment that says nothing, in a folder that holds nothing."""
    for name in [
        *NUMBERS,
        "JWT_SECRET",
        "JWT_KEYS_FILE",
        "AUTH_DATABASE_URL",
        "AUTH_DATABASE_PASSWORD",
        "DATA_DIR",
        "HOST",
        "CORS_ORIGINS",
        "TRUSTED_PROXIES",
    ]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def refusal() -> str:
    """Return the line with which the settings of auth are refused."""
    with pytest.raises(Misconfigured) as refused:
        AuthSettings.read()
    line = str(refused.value)
    assert "\n" not in line
    assert refused.value.code not in (None, 0)
    return line
