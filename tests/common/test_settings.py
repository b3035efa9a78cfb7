"""Settings: from the environment or a file, and refused in one line that never shows the value."""

import os
from ipaddress import ip_network
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from gunicorn.config import KNOWN_SETTINGS
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import URL, make_url

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.server import gunicorn_settings
from common.settings import Misconfigured
from tests.cases import every

AnySettings = TypeVar("AnySettings", AuthSettings, BooksSettings)

NUMBERS = ["AUTH_PORT", "AUTH_METRICS_PORT", "WEB_CONCURRENCY", "THREADS", "PASSWORD_MIN_LENGTH"]
NUMBERS += ["ARGON2_MEMORY_KIB", "ARGON2_TIME_COST", "ARGON2_PARALLELISM"]
NUMBERS += ["SESSION_IDLE_DAYS", "SESSION_MAX_DAYS"]
NO_NUMBERS = ["0", "ten", "-1", "+1", "1.5", "1e3", "0x10", "１２", "²", "1_000", "8 8", "65536"]
NO_NUMBERS += ["9" * 20, "9" * 5000]
# What no browser calls an origin, what is no address for one, what is no network and no name of a header.
NO_ORIGINS = ["*", "null", "a.example", "https://a/", "https://A", "http://a:80", "https://", "//a"]
NO_ORIGINS += ["https://b@a", "https://a?", "https://a#", "https://a,x", "HTTPS://a", "https://*.a"]
NO_ORIGINS += ["http://a:", "https://a:443", "https://bücher.example", "https://a https://b"]
NO_ADDRESSES = ["a.example", "//a", "https://", "ftp://a", "https://b@a", "javascript:x", "https://a/?x"]
NO_ADDRESSES += ["https://a/#x", "https://a/..", "https://a b", "https://a;b", "https://a:", "https://a:0"]
NO_ADDRESSES += ['https://a"b', "/a//b", "x/y", "https://a//"]
NO_NETWORKS = ["*", "x", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "10.0.0.256", "1", "[::1]"]
NO_NETWORKS += ["10.0.0.1:80", "::/129", "fe80::1%eth0", "10.0.0.1 10.0.0.2", "10.0.0.1;10.0.0.2", "::1,x"]
NO_HEADERS = ["*", "X Shop", "X-Shop: 1", "x, *", "é", "(a)", "a\nb", "a/b", '"a"', "a" * 65, "a;b"]
REFUSED = {
    **{name: ["0", "ten"] for name in NUMBERS},
    "AUTH_PORT": NO_NUMBERS,
    "PASSWORD_MIN_LENGTH": ["7"],
    "ARGON2_MEMORY_KIB": ["19455"],
    "ARGON2_TIME_COST": ["1"],
    "DATABASE_POOL_SIZE": ["1"],
    "CORS_ORIGINS": NO_ORIGINS,
    "CORS_HEADERS": NO_HEADERS,
    "AUTH_URL_PREFIX": ["/shop/.."],
    "BOOKS_PUBLIC_URL": NO_ADDRESSES,
    "TRUSTED_PROXIES": NO_NETWORKS,
    "SERVICE_NAMES": ["Books", "books notes", "1", "a.b", "books,*"],
    "LOG_FORMAT": ["text"],
    "LOG_LEVEL": ["trace", "INFO"],
}
ORIGINS = ("https://shop.example", "http://localhost:3000", "http://[::1]:8080", "app+x://a-b.c_d")
NETWORKS = tuple(map(ip_network, ["10.0.0.0/8", "2001:db8::/32", "::1", "0.0.0.0/0"]))
ADDRESSES = ["https://books.shop.example", "http://[::1]:8000", "https://a.example:8443/a/b", "/shelves"]

SECRET = "nBqJ3vY7pLw9sXc2zRt5uKm8hGd4fEa1"
DATABASE = "postgresql://u@h/d"
DATABASES = [DATABASE, "postgresql+psycopg://u@h:5/d?sslmode=require", "postgresql://u@/d?host=/run/pg"]


def read(kind: type[AnySettings], **environment: str) -> AnySettings:
    """Read the settings of a service where these are all variables."""
    with patch.dict(os.environ, environment, clear=True):
        return kind.read()


def refusal(kind: type[AuthSettings | BooksSettings], **environment: str) -> str:
    """Return the line with which a service refuses these variables."""
    with patch.dict(os.environ, environment, clear=True), pytest.raises(Misconfigured) as refused:
        kind.read()
    line = str(refused.value)
    assert "\n" not in line
    assert refused.value.code not in (None, 0)
    return line


def connect_arguments(url: str) -> dict[str, Any]:
    """Return what the driver gets for the database at `url`."""
    parsed = make_url(url)
    return dict(parsed.get_dialect()().create_connect_args(parsed)[1])


def test_nothing_has_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    auth, books = read(AuthSettings), read(BooksSettings)

    assert auth.data_dir == books.data_dir == tmp_path / "instance"
    assert auth.keys_file == books.keys_file == tmp_path / "instance" / "keys.json"
    assert (auth.port, books.port, auth.metrics_port, books.metrics_port) == (5001, 5002, 9101, 9102)
    assert (auth.host, auth.metrics_host, auth.threads) == ("127.0.0.1", "127.0.0.1", 16)
    assert read(AuthSettings, **dict.fromkeys(NUMBERS, "")) == auth  # an empty number is left out
    assert auth.database_url == f"sqlite:///{tmp_path}/instance/auth.db"
    assert books.database_url == f"sqlite:///{tmp_path}/instance/books.db"


@every("folder", ["bookstore", "a%41b", "a?b", "a#b", "100%", "%(here)s", "a b&c", "~ann"])
def test_a_folder_of_any_name_holds_all_the_data(tmp_path: Path, folder: str) -> None:
    settings = read(AuthSettings, DATA_DIR=str(tmp_path / folder))

    database = URL.create("sqlite", database=str(tmp_path / folder / "auth.db"))
    assert settings.keys_file == tmp_path / folder / "keys.json"
    assert make_url(settings.database_url) == database


@every("name", ["DATA_DIR", "JWT_KEYS_FILE", "FOLLOWER_HEARTBEAT"])
def test_a_path_can_begin_with_the_home_of_a_user_who_has_one(name: str) -> None:
    settings = read(BooksSettings, HOME="/home/ann", **{name: "~/books?"})

    assert getattr(settings, name.lower().removeprefix("jwt_")) == Path("/home/ann/books?")
    assert name in refusal(BooksSettings, **{name: "~nobody-of-this-name/books"})


@every("name, value", [(name, value) for name, values in REFUSED.items() for value in values])
def test_what_cannot_be_is_refused_with_the_name_of_the_setting(name: str, value: str) -> None:
    line = refusal(AuthSettings, **{name: value})

    assert line.startswith(f"{name} must ")
    assert line == refusal(AuthSettings, **{name: "is, of no; kind"})  # the value never shows
    assert len(line) < 200


@every(
    "name, value, member, expected",
    [
        ("CORS_ORIGINS", ", ".join(ORIGINS), "cors_origins", ORIGINS),
        ("CORS_HEADERS", " X-Shop-Version,, x_b3.trace ,", "cors_headers", ("X-Shop-Version", "x_b3.trace")),
        ("TRUSTED_PROXIES", " , ", "trusted_proxies", ()),
        ("TRUSTED_PROXIES", "10.0.0.0/8,2001:db8::/32 , ::1,0.0.0.0/0,", "trusted_proxies", NETWORKS),
        *(("NO_COLOR", value, "no_color", bool(value)) for value in ("", "1", "0")),
        *(("BOOKS_PUBLIC_URL", f"{url}/", "others", (("books", url),)) for url in ADDRESSES),
        *(("AUTH_DATABASE_URL", url, "database_url", url) for url in (*DATABASES, "sqlite:////srv/auth.db")),
    ],
)
def test_a_good_value_is_read(name: str, value: str, member: str, expected: object) -> None:
    assert getattr(read(AuthSettings, **{name: value}), member) == expected


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
def test_secrets_are_read_from_files_and_not_printed(tmp_path: Path, ending: str) -> None:
    texts = {"JWT_SECRET": SECRET, "AUTH_DATABASE_URL": DATABASE, "AUTH_DATABASE_PASSWORD": "p@ss:w/rd%"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text + ending)

    settings = read(AuthSettings, **{f"{name}_FILE": str(tmp_path / name) for name in texts})

    assert settings.secret == SECRET
    arguments = connect_arguments(DATABASE) | {"password": "p@ss:w/rd%"}
    assert connect_arguments(settings.database_url) == arguments
    assert SECRET not in repr(settings)
    assert "p@ss" not in repr(settings)


@every("name", ["JWT_SECRET", "AUTH_DATABASE_URL"])
@every("file", ["missing", "binary", ""])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, file: str) -> None:
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


PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(url=st.sampled_from([*DATABASES, "postgresql://u@[::1]:5/d"]), password=PASSWORDS)
@example(url=DATABASE, password=r" @:/%?#[]&=+'\"$%41 ü€😀 ")
@example(url=DATABASE, password="x" * 5000)
def test_a_password_of_any_text_joins_the_url_as_it_is(url: str, password: str) -> None:
    settings = read(AuthSettings, AUTH_DATABASE_URL=url, AUTH_DATABASE_PASSWORD=password)

    assert connect_arguments(settings.database_url) == connect_arguments(url) | {"password": password}


@every(
    "url, password",
    [
        *((f"postgresql://{end}", "private") for end in ("u:p@h/d", "u:@h/d", "h/d", "/d?user=u", "@h/d")),
        *((url, "private") for url in ("postgresql://u@h/d?password=p", "sqlite:////srv/x.db", "")),
        *((DATABASE, password) for password in ("", "caf\udce9")),
    ],
)
def test_a_password_that_is_none_or_has_no_place_is_refused_and_not_shown(url: str, password: str) -> None:
    line = refusal(AuthSettings, AUTH_DATABASE_URL=url, AUTH_DATABASE_PASSWORD=password)

    assert "AUTH_DATABASE_PASSWORD" in line
    assert "private" not in line
    assert not url or url not in line
    assert password != "private" or "AUTH_DATABASE_URL" in line


def test_each_service_has_a_password_of_its_own() -> None:
    assert read(AuthSettings, BOOKS_DATABASE_PASSWORD="private").database_url.startswith("sqlite:")
    assert "BOOKS_DATABASE_PASSWORD" in refusal(BooksSettings, BOOKS_DATABASE_PASSWORD="private")


def test_gunicorn_knows_every_setting_that_is_meant_for_it() -> None:
    """It ignores a misspelt one."""
    of_gunicorn = {setting.name for setting in KNOWN_SETTINGS}
    here = gunicorn_settings.__name__
    ours = {
        name
        for name, value in vars(gunicorn_settings).items()
        if name.islower() and not name.startswith("_") and not isinstance(value, ModuleType)
        if getattr(value, "__module__", here) == here  # what is imported is no setting
    }

    assert ours - of_gunicorn == {"listen"}  # what each service's configuration calls
