"""Settings: read from the environment, and refused in one line that never shows the value."""

from ipaddress import ip_network
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from tests.cases import every
from tests.common.bare import KINDS, read, refusal

NUMBERS = ["AUTH_PORT", "AUTH_METRICS_PORT", "WEB_CONCURRENCY", "THREADS", "PASSWORD_MIN_LENGTH"]
NUMBERS += ["ARGON2_MEMORY_KIB", "ARGON2_TIME_COST", "ARGON2_PARALLELISM"]
NUMBERS += ["SESSION_IDLE_DAYS", "SESSION_MAX_DAYS"]
NO_NUMBERS = ["0", "-1", "+1", "1.5", "1e3", "ten", "0x10", "１２", "²", "1_000", "9" * 20, "9" * 5000, "8 8"]
WEAKER = [("PASSWORD_MIN_LENGTH", "7"), ("ARGON2_MEMORY_KIB", "19455"), ("ARGON2_TIME_COST", "1")]


def test_nothing_has_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    auth, books = read(AuthSettings), read(BooksSettings)

    assert auth.data_dir == books.data_dir == tmp_path / "instance"
    assert auth.keys_file == books.keys_file == tmp_path / "instance" / "keys.json"
    assert (auth.port, books.port, auth.metrics_port, books.metrics_port) == (5001, 5002, 9101, 9102)
    assert (auth.host, auth.metrics_host, auth.threads) == ("127.0.0.1", "127.0.0.1", 16)
    assert auth.database_url == f"sqlite:///{tmp_path}/instance/auth.db"
    assert books.database_url == f"sqlite:///{tmp_path}/instance/books.db"


def test_one_setting_moves_all_the_data() -> None:
    settings = read(AuthSettings, DATA_DIR="/var/lib/bookstore")

    assert settings.keys_file == Path("/var/lib/bookstore/keys.json")
    assert settings.database_url == "sqlite:////var/lib/bookstore/auth.db"


@every("folder", ["a%41b", "a?b", "a#b", "100%", "%(here)s", "a b&c", "~ann"])
def test_a_folder_of_any_name_holds_the_databases(tmp_path: Path, folder: str) -> None:
    settings = read(AuthSettings, DATA_DIR=str(tmp_path / folder))

    database = URL.create("sqlite", database=str(tmp_path / folder / "auth.db"))
    assert settings.keys_file == tmp_path / folder / "keys.json"
    assert make_url(settings.database_url) == database


@every("name", ["DATA_DIR", "JWT_KEYS_FILE", "FOLLOWER_HEARTBEAT"])
def test_a_path_can_begin_with_the_home_of_a_user_who_has_one(name: str) -> None:
    settings = read(BooksSettings, HOME="/home/ann", **{name: "~/books?"})

    assert getattr(settings, name.lower().removeprefix("jwt_")) == Path("/home/ann/books?")
    assert name in refusal(BooksSettings, **{name: "~nobody-of-this-name/books"})


@every(
    "name, value",
    [*product(NUMBERS, NO_NUMBERS), *WEAKER, ("AUTH_PORT", "65536"), ("DATABASE_POOL_SIZE", "1")],
)
def test_a_number_out_of_its_range_is_refused(name: str, value: str) -> None:
    line = refusal(AuthSettings, **{name: value})

    assert name in line
    assert len(line) < 200


@every("name", NUMBERS)
def test_an_empty_number_is_the_default(name: str) -> None:
    assert read(AuthSettings, **{name: ""}) == read(AuthSettings)


@every(
    "value",
    ["*", "null", "shop.example", "https://shop.example/", "https://SHOP.example", "HTTPS://shop.example"]
    + ["https://", "//shop.example", "https://shop.example https://b.example", "https://a@shop.example"]
    + ["https://shop.example?", "https://shop.example#", "https://shop.example,x", "https://*.shop.example"]
    + ["https://shop.example:443", "http://a:80", "https://a:", "https://bücher.example"],
)
def test_what_no_browser_calls_an_origin_is_refused(value: str) -> None:
    assert "CORS_ORIGINS" in refusal(AuthSettings, CORS_ORIGINS=value)


@every("kind", KINDS)
def test_what_a_browser_sends_is_an_origin(kind: type[AuthSettings]) -> None:
    origins = ("https://shop.example", "http://localhost:3000", "http://[::1]:8080", "app+x://a-b.c_d")

    assert read(kind, CORS_ORIGINS=", ".join(origins)).cors_origins == origins


@every("name, kind", [("AUTH_PUBLIC_URL", BooksSettings), ("BOOKS_PUBLIC_URL", AuthSettings)])
@every(
    "value",
    ["shop.example", "//shop.example", "https://", "ftp://shop.example", "https://a@shop.example"]
    + ["javascript:x", "https://shop.example/?x", "https://shop.example/#x", "https://shop.example/.."]
    + ["https://a b", "https://a;b", "https://shop.example:", "https://shop.example:0", 'https://a"b']
    + ["/a//b", "x/y", "https://shop.example//"],
)
def test_what_is_no_address_for_a_browser_is_refused(
    name: str, kind: type[AuthSettings | BooksSettings], value: str
) -> None:
    assert refusal(kind, **{name: value}).startswith(f"{name} must be an address")


@every("kind", KINDS)
@every(
    "value, networks",
    [
        ("", []),
        (" , ", []),
        ("10.0.0.1", ["10.0.0.1/32"]),
        ("10.0.0.0/8,2001:db8::/32 , ::1,", ["10.0.0.0/8", "2001:db8::/32", "::1/128"]),
        ("0.0.0.0/0", ["0.0.0.0/0"]),
    ],
)
def test_addresses_and_networks_of_proxies_are_taken(
    kind: type[AuthSettings], value: str, networks: list[str]
) -> None:
    assert read(kind, TRUSTED_PROXIES=value).trusted_proxies == tuple(map(ip_network, networks))


@every("kind", KINDS)
@every(
    "value",
    ["*", "x", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "10.0.0.256", "1", "10.0.0.1:80"]
    + ["[::1]", "::/129", "fe80::1%eth0", "10.0.0.1 10.0.0.2", "10.0.0.1;10.0.0.2", "10.0.0.1,x"],
)
def test_what_is_no_network_of_proxies_is_refused(kind: type[AuthSettings], value: str) -> None:
    assert refusal(kind, TRUSTED_PROXIES=value).startswith("TRUSTED_PROXIES ")


@every("value", ["Books", "books notes", "1", "a.b", "books,*"])
def test_what_is_no_name_of_a_service_is_refused(value: str) -> None:
    assert refusal(AuthSettings, SERVICE_NAMES=value).startswith("SERVICE_NAMES ")


@every("url", ["postgresql://u:p@h/d", "postgresql+psycopg://u@h:1/d", "sqlite:////srv/auth.db"])
def test_the_two_databases_are_taken(url: str) -> None:
    assert read(AuthSettings, AUTH_DATABASE_URL=url).database_url == url


@every("name, value", [("LOG_FORMAT", "text"), ("LOG_LEVEL", "trace"), ("LOG_LEVEL", "INFO")])
def test_a_word_that_is_no_choice_is_refused(name: str, value: str) -> None:
    line = refusal(AuthSettings, **{name: value})

    assert name in line
    assert value not in line


@every("value, is_set", [("", False), ("1", True), ("0", True)])
def test_no_color_is_whatever_is_not_empty(value: str, is_set: bool) -> None:
    assert read(AuthSettings, NO_COLOR=value).no_color == is_set
