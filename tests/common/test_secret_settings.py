"""Settings that hold secrets: from the environment or from a file, one of them, and never shown."""

from pathlib import Path

import pytest

from auth_service.settings import AuthSettings
from tests.common.bare import refusal

SECRET = "nBqJ3vY7pLw9sXc2zRt5uKm8hGd4fEa1"
VALUE = "a value that is not to be seen"
pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.mark.parametrize(
    "url",
    ["x", "postgresql:/x", "mysql://root:VALUE@db/x", "sqlite:///:memory:", "sqlite+aiosqlite:///VALUE.db"]
    + ["postgresql+asyncpg://u:VALUE@h/d", "postgresql+psycopg2://u:VALUE@h/d"]
    + ["postgresql://u:VALUE@h:port/d", "http://VALUE", "postgresql+nothing://VALUE"],
)
def test_a_bad_database_url_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AUTH_DATABASE_URL", url.replace("VALUE", SECRET))

    line = refusal()

    assert "AUTH_DATABASE_URL" in line
    assert SECRET not in line


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", " \n\n"])
def test_a_secret_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str) -> None:
    (tmp_path / "secret").write_text(SECRET + ending)
    monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "secret"))

    assert AuthSettings.read().secret == SECRET


def test_a_database_url_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:p@h/d\n")
    monkeypatch.setenv("AUTH_DATABASE_URL_FILE", str(tmp_path / "url"))

    assert AuthSettings.read().database_url == "postgresql://u:p@h/d"


@pytest.mark.parametrize("name", ["JWT_SECRET", "AUTH_DATABASE_URL"])
@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", "a folder"])
def test_a_file_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes | str | None
) -> None:
    path = tmp_path / VALUE
    if content == "a folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setenv(f"{name}_FILE", str(path))

    assert f"{name}_FILE" in refusal()


@pytest.mark.parametrize("name", ["JWT_SECRET", "AUTH_DATABASE_URL"])
def test_a_setting_is_given_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "value").write_text(SECRET)
    monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "value"))

    line = refusal()

    assert name in line
    assert SECRET not in line


@pytest.mark.parametrize("content", [None, "", "  ", "\n"])
def test_an_empty_secret_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    monkeypatch.setenv("JWT_SECRET", "")
    if content is not None:
        monkeypatch.delenv("JWT_SECRET")
        (tmp_path / "secret").write_text(content)
        monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "secret"))

    assert "JWT_SECRET" in refusal()


def test_keys_come_from_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("JWT_KEYS_FILE", "/srv/keys.json")

    line = refusal()

    assert "JWT_SECRET" in line
    assert "JWT_KEYS_FILE" in line


def test_settings_that_are_printed_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("AUTH_DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv("AUTH_DATABASE_PASSWORD", SECRET)

    assert SECRET not in repr(AuthSettings.read())
