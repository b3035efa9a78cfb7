"""Settings: read from the environment or from files, and refused in one line that never shows the value."""

from pathlib import Path

import pytest

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from tests.cases import every
from tests.common.bare import NUMBERS, refusal

pytestmark = pytest.mark.usefixtures("no_settings")


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    auth, books = AuthSettings.read(), BooksSettings.read()

    assert auth.data_dir == books.data_dir == tmp_path / "instance"
    assert auth.keys_file == books.keys_file == tmp_path / "instance" / "keys.json"
    assert (auth.port, books.port, auth.metrics_port, books.metrics_port) == (5001, 5002, 9101, 9102)
    assert (auth.host, auth.metrics_host, auth.threads) == ("127.0.0.1", "127.0.0.1", 16)
    assert (auth.database_url, books.database_url) == (
        f"sqlite:///{tmp_path}/instance/auth.db",
        f"sqlite:///{tmp_path}/instance/books.db",
    )


def test_one_setting_moves_all_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/var/lib/bookstore")

    settings = AuthSettings.read()

    assert settings.keys_file == Path("/var/lib/bookstore/keys.json")
    assert settings.database_url == "sqlite:////var/lib/bookstore/auth.db"


@pytest.mark.parametrize("name", NUMBERS)
@every(
    "value",
    [
        "0",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "ten",
        "0x10",
        "１２",
        "²",
        "1_000",
        "99999999999999999999",
        "9" * 5000,
        "8 8",
    ],
)
def test_a_number_out_of_its_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    line = refusal()

    assert name in line
    assert len(line) < 200


@pytest.mark.parametrize("name", NUMBERS)
def test_an_empty_number_is_the_default(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    default = AuthSettings.read()

    monkeypatch.setenv(name, "")

    assert AuthSettings.read() == default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSWORD_MIN_LENGTH", "7"),
        ("ARGON2_MEMORY_KIB", "19455"),
        ("ARGON2_TIME_COST", "1"),
        ("AUTH_PORT", "65536"),
    ],
)
def test_no_setting_makes_passwords_weaker_than_the_contract(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert name in refusal()


@every(
    "value",
    ["*", "null", "shop.example", "https://shop.example/", "https://SHOP.example", "HTTPS://shop.example"]
    + ["https://", "//shop.example", "https://shop.example https://b.example", "https://a@shop.example"]
    + ["https://shop.example?", "https://shop.example#", "https://shop.example,x"]
    + [
        "https://*.shop.example",
        "https://shop.example:443",
        "http://a:80",
        "https://a:",
        "https://bücher.example",
    ],
)
def test_what_no_browser_calls_an_origin_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", value)

    assert "CORS_ORIGINS" in refusal()


def test_what_a_browser_sends_is_an_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = ("https://shop.example", "http://localhost:3000", "http://[::1]:8080", "app+x://a-b.c_d")
    monkeypatch.setenv("CORS_ORIGINS", ", ".join(origins))

    assert AuthSettings.read().cors_origins == BooksSettings.read().cors_origins == origins


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@h/d", "postgresql+psycopg://u@h:1/d", "sqlite:////srv/auth.db"]
)
def test_the_two_databases_are_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AUTH_DATABASE_URL", url)

    assert AuthSettings.read().database_url == url
