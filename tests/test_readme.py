"""The README is true: its walk runs as it stands, and its tables are complete."""

import re
import subprocess
from dataclasses import fields

import pytest

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.settings import Settings
from tests import api
from tests.pair import Pair
from tests.programs import ROOT
from tests.readme import section, walk
from tests.served import ServedPair

INTERNAL = {"service", "secret", "database_url", "is_command"}  # no settings, or named otherwise below
NAMES = {  # where the variable is not the member in upper case
    "keys_file": "JWT_KEYS_FILE",
    "workers": "WEB_CONCURRENCY",
    "argon2_memory": "ARGON2_MEMORY_KIB",
}


def test_the_walk_runs_from_registering_to_a_listed_book(own_served_pair: ServedPair) -> None:
    own_served_pair.start()

    walk(auth=own_served_pair.url("auth"), books=own_served_pair.url("books"))


@pytest.mark.parametrize(
    ("service", "title"), [("auth", "### Auth, port 5001"), ("books", "### Books, port 5002")]
)
def test_the_table_of_routes_is_complete(pair: Pair, service: str, title: str) -> None:
    paths = api.get(pair.url(service) + "/openapi.json", timeout=30).json()["paths"]
    routes = {
        f"{method.upper()} {re.sub('{.*?}', '<>', path)}"
        for path, methods in paths.items()
        for method in methods
        if method != "parameters"
    }
    rows = re.sub("<.*?>", "<>", section(title))

    assert len(routes) > 6
    assert {route for route in routes if f"`{route}`" not in rows} == set()


@pytest.mark.parametrize(("kind", "title"), [(AuthSettings, "### Auth"), (BooksSettings, "### Books")])
def test_the_tables_of_settings_are_complete(kind: type[Settings], title: str) -> None:
    prefix = title.split(" ")[1].upper()
    shared = {field.name for field in fields(Settings)}
    members = {field.name for field in fields(kind)} - INTERNAL
    named = {
        f"{prefix}_{name.upper()}" if name in ("port", "metrics_port") else NAMES.get(name, name.upper())
        for name in members
    } | {"JWT_SECRET", f"{prefix}_DATABASE_URL", f"{prefix}_DATABASE_PASSWORD"}
    settings = section("## Settings")

    assert shared >= {"data_dir", "keys_file"}
    assert {name for name in named if f"`{name}`" not in settings} == set()


def test_the_table_of_commands_is_complete() -> None:
    text = section("## Commands of an operator")
    done = subprocess.run(
        ["grep", "-rhoE", r'^@(users|sessions|keys)\.command\("[a-z-]+"\)', "auth_service/cli"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = re.findall(r'@(\w+)\.command\("([a-z-]+)"\)', done.stdout)

    assert commands
    assert [word for _, word in commands if not re.search(rf"(users|sessions|keys|…) {word}\b", text)] == []
