"""The documents are true: the walk of README.md runs as it stands, and the tables in docs/ are complete."""

import re

import pytest

from auth_service.settings import AuthSettings
from benchmarks import capacity
from books_service.settings import BooksSettings
from common.settings import Settings
from tests import api
from tests.common.openapi import operations
from tests.pair import SERVICES, Pair
from tests.programs import ROOT
from tests.readme import DOCUMENTS, SETTINGS, anchors, blocks, links, section, variables, walk
from tests.served import ServedPair
from tests.shells import SHELLS, paste

COMMAND = re.compile(r'^@(?:users|sessions|keys)\.command\("([a-z-]+)"\)', re.M)
TABLE = re.compile(r"^\| \w+ \| `(\w+)` \|.* ([\d,]+) \|$", re.M)  # with the bytes of a row


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # no SQL decides what it shows
def test_the_walk_runs_from_registering_to_a_listed_book(own_served_pair: ServedPair, shell: str) -> None:
    own_served_pair.start()

    walk(shell, auth=own_served_pair.url("auth"), books=own_served_pair.url("books"))


def test_every_block_of_commands_is_pasted_by_a_test() -> None:
    titles = re.findall(r"^##+ .+$", (ROOT / "README.md").read_text(), re.M)

    # Those of the first two and of Docker are in tests/run and tests/e2e.
    assert [title for title in titles if blocks("README.md", title)] == [
        "## Run it",
        "## Quick tour",
        "## Run it with Docker",
        "## Test it",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_make_knows_how_to_test(shell: str) -> None:
    test, check = blocks("README.md", "## Test it")

    assert "-m pytest" in paste(shell, test, MAKEFLAGS="n")  # prints the commands and runs none
    assert "-m mypy" in paste(shell, check, MAKEFLAGS="n")


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
@pytest.mark.parametrize("service", SERVICES)
def test_the_table_of_routes_is_complete(pair: Pair, service: str) -> None:
    document = api.get(pair.url(service) + "/openapi.json").json()
    described = (route.split() for route, _ in operations(document))
    routes = {f"{method.upper()} {re.sub('{.*?}', '<>', path)}" for method, path in described}
    rows = re.sub("<.*?>", "<>", section(f"docs/api-{service}.md", "## Routes"))

    assert len(routes) > 6
    assert {route for route in routes if f"`{route}`" not in rows} == set()


@pytest.mark.parametrize(("kind", "prefix"), [(AuthSettings, "AUTH"), (BooksSettings, "BOOKS")])
def test_the_tables_of_settings_are_complete(kind: type[Settings], prefix: str) -> None:
    own = {
        f"{prefix}_{name}"
        for name in ("PORT", "METRICS_PORT", "URL_PREFIX", "PUBLIC_URL", "DATABASE_URL", "DATABASE_PASSWORD")
    }
    names = variables(kind) - {"PORT", "METRICS_PORT", "URL_PREFIX"} | own | {"JWT_SECRET"}

    assert names >= {"DATA_DIR", "JWT_KEYS_FILE"}
    assert {name for name in names if f"`{name}`" not in SETTINGS} == set()


def test_the_table_of_commands_is_complete() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    sources = [path.read_text() for path in (ROOT / "auth_service/cli").glob("*.py")]
    commands = [word for source in sources for word in COMMAND.findall(source)]

    assert len(commands) > 6
    assert [word for word in commands if not re.search(rf"(users|sessions|keys|…) {word}\b", text)] == []


def test_the_calculation_is_what_its_script_prints() -> None:
    grows = section("docs/operations.md", "## What grows")
    measured = {table: int(size.replace(",", "")) for table, size in TABLE.findall(grows)}

    assert measured.items() >= capacity.BYTES.items()
    assert f"\n{capacity.report(10_000_000)}\n" in (ROOT / "docs/scaling.md").read_text()


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    found = [(path, link) for path in DOCUMENTS for link in links(path)]
    broken = [
        f"{path.name}: {link}"
        for path, link in found
        for target, _, anchor in [link.partition("#")]
        for file in [path.parent / target if target else path]
        if not file.exists() or (anchor and anchor not in anchors(file))
    ]

    assert len(found) > 20
    assert broken == []
