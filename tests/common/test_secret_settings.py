"""Settings that hold secrets: from the environment or from a file, one of them, and never shown."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from tests.cases import every
from tests.common.bare import read, refusal

SECRET = "nBqJ3vY7pLw9sXc2zRt5uKm8hGd4fEa1"
URL = "postgresql://u@h/d"
PASSWORD = r" @:/%?#[]&=+'\"$%41 ü€😀 "


def connect_arguments(url: str) -> dict[str, Any]:
    """Return what the driver gets for the database at `url`."""
    parsed = make_url(url)
    return dict(parsed.get_dialect()().create_connect_args(parsed)[1])


@every(
    "url",
    ["x", "postgresql:/x", "mysql://root:VALUE@db/x", "sqlite:///:memory:", "sqlite+aiosqlite:///VALUE.db"]
    + ["postgresql+asyncpg://u:VALUE@h/d", "postgresql+psycopg2://u:VALUE@h/d"]
    + ["postgresql://u:VALUE@h:port/d", "http://VALUE", "postgresql+nothing://VALUE"],
)
def test_a_bad_database_url_is_refused_and_not_shown(url: str) -> None:
    line = refusal(AuthSettings, AUTH_DATABASE_URL=url.replace("VALUE", SECRET))

    assert "AUTH_DATABASE_URL" in line
    assert SECRET not in line


@every("ending", ["", "\n", "\r\n", " \n\n"])
def test_secrets_are_read_from_files(tmp_path: Path, ending: str) -> None:
    texts = {"JWT_SECRET": SECRET, "AUTH_DATABASE_URL": URL, "AUTH_DATABASE_PASSWORD": "p@ss:w/rd%"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text + ending)

    settings = read(AuthSettings, **{f"{name}_FILE": str(tmp_path / name) for name in texts})

    assert settings.secret == SECRET
    assert connect_arguments(settings.database_url) == connect_arguments(URL) | {"password": "p@ss:w/rd%"}


@every("name", ["JWT_SECRET", "AUTH_DATABASE_URL"])
@every("file", ["missing", "binary", "folder"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, file: str) -> None:
    (tmp_path / "folder").mkdir(exist_ok=True)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    assert f"{name}_FILE" in refusal(AuthSettings, **{f"{name}_FILE": str(tmp_path / file)})


@every(
    "name, other",
    [("JWT_SECRET", "JWT_SECRET_FILE"), ("AUTH_DATABASE_URL", "AUTH_DATABASE_URL_FILE")]
    + [("JWT_SECRET", "JWT_KEYS_FILE")],
)
def test_a_setting_is_given_once(tmp_path: Path, name: str, other: str) -> None:
    (tmp_path / "value").write_text(SECRET)

    line = refusal(AuthSettings, **{name: SECRET, other: str(tmp_path / "value")})

    assert line == f"{name} and {other} are both set; set one of them"


@every("content", ["", "  ", "\n"])
def test_an_empty_secret_is_a_mistake(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)

    assert "JWT_SECRET" in refusal(AuthSettings, JWT_SECRET_FILE=str(tmp_path / "secret"))
    assert "JWT_SECRET" in refusal(AuthSettings, JWT_SECRET="")


def test_settings_that_are_printed_show_no_secret() -> None:
    secrets = {"JWT_SECRET": SECRET, "AUTH_DATABASE_URL": URL, "AUTH_DATABASE_PASSWORD": f"p{SECRET}"}

    assert SECRET not in repr(read(AuthSettings, **secrets))


@every("password", [PASSWORD, "a@evil.example:1/x", "%40", "+", "x" * 5000])
@every("url", [URL, "postgresql+psycopg://u@h:5/d?sslmode=require", "postgresql://u@/d?host=/run/postgresql"])
def test_a_password_joins_the_url_as_it_is(url: str, password: str) -> None:
    settings = read(AuthSettings, AUTH_DATABASE_URL=url, AUTH_DATABASE_PASSWORD=password)

    assert connect_arguments(settings.database_url) == connect_arguments(url) | {"password": password}


@given(password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_password_may_be_any_text(password: str) -> None:
    url = "postgresql://u@[::1]:5/d"

    settings = read(AuthSettings, AUTH_DATABASE_URL=url, AUTH_DATABASE_PASSWORD=password)

    assert connect_arguments(settings.database_url)["password"] == password


@every(
    "url",
    ["postgresql://u:p@h/d", "postgresql://u:@h/d", "postgresql://u@h/d?password=p", "postgresql://h/d"]
    + ["postgresql:///d?user=u", "postgresql://@h/d", "sqlite:////srv/x.db", ""],
)
def test_a_password_that_has_no_place_is_refused_and_not_shown(url: str) -> None:
    line = refusal(AuthSettings, AUTH_DATABASE_URL=url, AUTH_DATABASE_PASSWORD="private")

    assert "AUTH_DATABASE_URL" in line
    assert "AUTH_DATABASE_PASSWORD" in line
    assert "private" not in line
    assert not url or url not in line


@every("password", ["", "caf\udce9"])
def test_a_password_that_is_none_is_refused(password: str) -> None:
    line = refusal(AuthSettings, AUTH_DATABASE_URL=URL, AUTH_DATABASE_PASSWORD=password)

    assert "AUTH_DATABASE_PASSWORD" in line


def test_each_service_has_a_password_of_its_own() -> None:
    assert read(AuthSettings, BOOKS_DATABASE_PASSWORD="private").database_url.startswith("sqlite:")
    assert "BOOKS_DATABASE_PASSWORD" in refusal(BooksSettings, BOOKS_DATABASE_PASSWORD="private")
