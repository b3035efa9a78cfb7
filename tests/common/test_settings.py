"""Settings: read from the environment, and refused in one line that never shows the value."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from tests.cases import every
from tests.common.bare import read, refusal

NUMBERS = ["AUTH_PORT", "AUTH_METRICS_PORT", "WEB_CONCURRENCY", "THREADS", "PASSWORD_MIN_LENGTH"]
NUMBERS += ["ARGON2_MEMORY_KIB", "ARGON2_TIME_COST", "ARGON2_PARALLELISM"]
NUMBERS += ["SESSION_IDLE_DAYS", "SESSION_MAX_DAYS"]
NO_NUMBERS = ["0", "ten", "-1", "+1", "1.5", "1e3", "0x10", "１２", "²", "1_000", "8 8", "65536"]
NO_NUMBERS += ["9" * 20, "9" * 5000]
# What no browser calls an origin, what is no address for one, what is no network and no name of a header.
NO_ORIGINS = ["*", "null", "shop.example", "https://shop.example/", "https://SHOP.example", "http://a:80"]
NO_ORIGINS += [
    "https://",
    "//shop.example",
    "https://shop.example https://b.example",
    "https://a@shop.example",
]
NO_ORIGINS += ["https://shop.example?", "https://shop.example#", "https://shop.example,x", "http://a:"]
NO_ORIGINS += ["HTTPS://shop.example", "https://*.shop.example", "https://a:443", "https://bücher.example"]
NO_ADDRESSES = ["shop.example", "//shop.example", "https://", "ftp://shop.example", "https://a@shop.example"]
NO_ADDRESSES += ["javascript:x", "https://shop.example/?x", "https://shop.example/#x", "https://a/.."]
NO_ADDRESSES += ["https://a b", "https://a;b", "https://shop.example:", "https://shop.example:0"]
NO_ADDRESSES += ['https://a"b', "/a//b", "x/y", "https://shop.example//"]
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
    "BOOKS_PUBLIC_URL": NO_ADDRESSES,
    "TRUSTED_PROXIES": NO_NETWORKS,
    "SERVICE_NAMES": ["Books", "books notes", "1", "a.b", "books,*"],
    "LOG_FORMAT": ["text"],
    "LOG_LEVEL": ["trace", "INFO"],
}
ORIGINS = ("https://shop.example", "http://localhost:3000", "http://[::1]:8080", "app+x://a-b.c_d")
NETWORKS = tuple(map(ip_network, ["10.0.0.0/8", "2001:db8::/32", "::1", "0.0.0.0/0"]))


def test_nothing_has_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    auth, books = read(AuthSettings), read(BooksSettings)

    assert auth.data_dir == books.data_dir == tmp_path / "instance"
    assert auth.keys_file == books.keys_file == tmp_path / "instance" / "keys.json"
    assert (auth.port, books.port, auth.metrics_port, books.metrics_port) == (5001, 5002, 9101, 9102)
    assert (auth.host, auth.metrics_host, auth.threads) == ("127.0.0.1", "127.0.0.1", 16)
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


@every("name", NUMBERS)
def test_an_empty_number_is_the_default(name: str) -> None:
    assert read(AuthSettings, **{name: ""}) == read(AuthSettings)


@every(
    "name, value, expected",
    [
        ("CORS_ORIGINS", ", ".join(ORIGINS), ORIGINS),
        ("CORS_HEADERS", " X-Shop-Version,, x_b3.trace ,", ("X-Shop-Version", "x_b3.trace")),
        ("TRUSTED_PROXIES", " , ", ()),
        ("TRUSTED_PROXIES", "10.0.0.0/8,2001:db8::/32 , ::1,0.0.0.0/0,", NETWORKS),
        *(("NO_COLOR", value, bool(value)) for value in ("", "1", "0")),
    ],
)
def test_lists_and_what_is_there_or_not_are_read(name: str, value: str, expected: object) -> None:
    assert getattr(read(AuthSettings, **{name: value}), name.lower()) == expected


@every("url", ["https://books.shop.example", "http://[::1]:8000", "https://a.example:8443/a/b", "/shelves"])
def test_an_address_for_a_browser_is_read(url: str) -> None:
    assert read(AuthSettings, BOOKS_PUBLIC_URL=f"{url}/").others == (("books", url),)


@every("url", ["postgresql://u:p@h/d", "postgresql+psycopg://u@h:1/d", "sqlite:////srv/auth.db"])
def test_the_two_databases_are_taken(url: str) -> None:
    assert read(AuthSettings, AUTH_DATABASE_URL=url).database_url == url
