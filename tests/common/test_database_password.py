"""A database's password that is given apart from its URL."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.settings import Misconfigured
from tests.cases import every
from tests.common.bare import refusal
from tests.postgres_server import PostgresServer

URL_NAME, NAME = "AUTH_DATABASE_URL", "AUTH_DATABASE_PASSWORD"
PASSWORD = r" @:/%?#[]&=+'\"$%41 ü€😀 "
pytestmark = pytest.mark.usefixtures("no_settings")


def told(url: str) -> dict[str, Any]:
    """Return what the driver is told of the database at `url`."""
    parsed = make_url(url)
    return dict(parsed.get_dialect()().create_connect_args(parsed)[1])


@every("password", [PASSWORD, "@:/%", "a@evil.example:1/x", "%40", "+", "p", "x" * 5000])
@every(
    "url",
    [
        "postgresql://u@h/d",
        "postgresql+psycopg://u@h:5/d?sslmode=require",
        "postgresql://u@/d?host=/run/postgresql",
        "postgresql://u@[::1]:5/d",
    ],
)
def test_a_password_joins_the_url_as_it_is(monkeypatch: pytest.MonkeyPatch, url: str, password: str) -> None:
    monkeypatch.setenv(URL_NAME, url)
    monkeypatch.setenv(NAME, password)

    assert told(AuthSettings.read().database_url) == told(url) | {"password": password}


@given(password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_password_may_be_any_text(password: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(URL_NAME, "postgresql://u@h/d")
        monkeypatch.setenv(NAME, password)

        assert told(AuthSettings.read().database_url)["password"] == password


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_password_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str) -> None:
    (tmp_path / "password").write_text("p@ss:w/rd%" + ending)
    monkeypatch.setenv("BOOKS_DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv("BOOKS_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))

    assert told(BooksSettings.read().database_url)["password"] == "p@ss:w/rd%"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h/d",
        "postgresql://u:@h/d",
        "postgresql://u@h/d?password=p",
        "postgresql://h/d",
        "postgresql:///d?user=u",
        "postgresql://@h/d",
        "sqlite:////srv/x.db",
        "",
    ],
)
def test_a_password_that_has_no_place_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(URL_NAME, url)
    monkeypatch.setenv(NAME, "private")

    line = refusal()

    assert URL_NAME in line
    assert NAME in line
    assert "private" not in line
    assert not url or url not in line


@pytest.mark.parametrize("password", ["", "caf\udce9"])
def test_a_password_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv(URL_NAME, "postgresql://u@h/d")
    monkeypatch.setenv(NAME, password)

    assert NAME in refusal()


def test_each_service_has_a_password_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKS_DATABASE_PASSWORD", "private")

    assert AuthSettings.read().database_url.startswith("sqlite:")
    with pytest.raises(Misconfigured, match="BOOKS_DATABASE_PASSWORD"):
        BooksSettings.read()


def test_a_server_that_asks_for_the_password_takes_it(
    own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = own_postgres.folder / "data" / "pg_hba.conf"
    rules.write_text("host all keeper 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    with psycopg.connect(own_postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE keeper LOGIN PASSWORD {}").format(PASSWORD))
        connection.execute("SELECT pg_reload_conf()")
    monkeypatch.setenv(URL_NAME, own_postgres.url().replace("bookstore@", "keeper@"))

    monkeypatch.setenv(NAME, PASSWORD)
    with create_engine(AuthSettings.read().database_url, poolclass=NullPool).connect() as keeper:
        assert keeper.exec_driver_sql("SELECT current_user").scalar() == "keeper"

    monkeypatch.setenv(NAME, PASSWORD.strip())
    with pytest.raises(OperationalError, match="password"):
        create_engine(AuthSettings.read().database_url, poolclass=NullPool).connect()
