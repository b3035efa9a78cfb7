"""The shape of the code, read from the code: which room imports which, and what no room may do."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from tests.programs import ROOT
from tests.source_code import (
    CLIENT,
    PACKAGES,
    SERVICES,
    SOURCES,
    changed_attributes,
    imported_names,
    imports,
    is_foreign,
    is_private,
    module_of,
    name_of,
    nodes_of,
    package_of,
    root_of,
    tree_of,
)

SERVERS = {"gunicorn", "granian", "common.server"}
WITHOUT_FLASK = (
    "common.tokens",
    "common.proxies",
    "auth_service.passwords.policy",
)

FLASK_NAMES = {"create_app", "init_app"}  # each package has its own, by Flask's custom

MAX_FILES = 12  # in a folder
MAX_LINES = 250  # in a file

PATCHES = {"gunicorn.SERVER"}  # gunicorn has no setting for the `Server` header, which must name no software

# What makes or hands out a connection, and where it may: everything else has `db.read()` and `db.write()`.
CONNECTING = {"connect", "begin", "raw_connection", "create_engine", "session", "Session", "sessionmaker"}
CONNECTED_IN = {"common/db/pool.py", "common/db/migrations.py"}

# A room is a folder or a module at the top of a package. Each row is a layer, from the outside inwards; a
# room imports what lies further in, and beside it only what the table below says.
ENTRANCES = ("__init__", "gunicorn_conf", "migrations")  # what puts the parts together
LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "auth_service": (
        ENTRANCES,
        ("views", "cli"),
        ("users", "sessions", "passwords", "throttle"),
        ("other",),  # rules that need no room, such as names.py
        ("models", "settings"),
    ),
    "books_service": (ENTRANCES, ("views", "cli"), ("shelf", "transfer"), ("models", "settings")),
    "common": (
        ("__init__", "app"),
        ("feed",),
        ("health", "cli"),
        ("web", "server"),
        ("db", "tokens"),
        ("ops",),
        ("settings", "errors", "proxies", "service_list", "healthcheck"),
    ),
}
SMALL = (ENTRANCES, ("views",), ("statements",), ("models", "settings"))  # as `make new-service` makes them
LAYERS |= {package: SMALL for package in SERVICES if package not in LAYERS}
BESIDE = {
    ("users", "sessions"),
    ("users", "passwords"),
    ("users", "throttle"),
    ("transfer", "shelf"),
    ("settings", "proxies"),
    ("settings", "service_list"),
    ("other", "other"),
}


def room_of(module: str) -> str:
    """Return the room in its package; a module that has none is one of the "other" rules."""
    package, _, inside = module.partition(".")
    room = inside.partition(".")[0]
    return room if any(room in layer for layer in LAYERS[package]) else "other"


def layer_of(package: str, room: str) -> int:
    """Return the number of the room's layer, counted from the outside."""
    return next(number for number, layer in enumerate(LAYERS[package]) if room in layer)


def test_every_module_has_its_room() -> None:
    modules = list(map(module_of, SOURCES))

    assert {module.split(".")[0] for module in modules} == {*PACKAGES}
    layers = {module: LAYERS[module.split(".")[0]] for module in modules}
    assert [
        module for module in modules if not any(room_of(module) in layer for layer in layers[module])
    ] == []


def forbidden_imports(path: Path) -> Iterator[str]:
    """What a session or a shelf is stands apart from HTTP and from servers (docs/design.md)."""
    package, module = package_of(path), module_of(path)
    forbidden = {*SERVICES} - {package}
    if package in SERVICES and room_of(module) not in ENTRANCES:
        forbidden |= SERVERS
    if package in SERVICES and layer_of(package, room_of(module)) > layer_of(package, "views"):
        forbidden |= {"flask.request", "flask.g"}
    if module.startswith(WITHOUT_FLASK):
        forbidden.add("flask")
    return (name for name in imports(path) if any(f"{name}.".startswith(f"{each}.") for each in forbidden))


def imports_outwards(path: Path) -> Iterator[str]:
    package, room = package_of(path), room_of(module_of(path))
    own_layer = layer_of(package, room)
    for module in imports(path):
        if module.split(".")[0] != package or room in ENTRANCES:
            continue
        other = room_of(module)
        is_allowed = layer_of(package, other) > own_layer or room == other or (room, other) in BESIDE
        if not is_allowed:
            yield f"{room} imports {module}"


def private_modules(path: Path) -> Iterator[str]:
    """Of others; ruff finds private members."""
    return (name for name in imports(path) if is_foreign(name) and any(map(is_private, name.split(".")[1:])))


def assignments_to_others(path: Path) -> Iterator[str]:
    imported = {name for name, module in imported_names(path).items() if module != "flask.g"}
    for attribute in changed_attributes(path):
        if root_of(attribute) in imported:
            yield from {ast.unparse(attribute)} - PATCHES
    for node in nodes_of(path):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr":
            yield ast.unparse(node)


def subclasses_of_servers(path: Path) -> Iterator[str]:
    imported = imported_names(path)
    for node in nodes_of(path):
        for base in node.bases if isinstance(node, ast.ClassDef) else []:
            if imported.get(root_of(base), "").startswith(("gunicorn", "granian")):
                yield ast.unparse(base)


def ways_to_connect(path: Path) -> Iterator[str]:
    """Statements run on `db.read()` and `db.write()`; migrations have an engine of their own."""
    if name_of(path) in CONNECTED_IN:
        return
    for module in imports(path):
        if module.startswith("sqlalchemy") and module.split(".")[-1] in CONNECTING:
            yield module
    for node in nodes_of(path):
        if isinstance(node, ast.Attribute) and node.attr in CONNECTING and is_database(node.value):
            yield ast.unparse(node)


def is_database(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[-1] in ("db", "engine", "_engine")


def imports_of_services(path: Path) -> Iterator[str]:
    """The client is installed without them."""
    return (name for name in imports(path) if name.split(".")[0] in PACKAGES)


def is_too_long(path: Path) -> Iterator[str]:
    if (lines := path.read_text().count("\n")) > MAX_LINES:
        yield f"has {lines} lines"


def test_a_folder_holds_a_dozen_files_at_most() -> None:
    files = Counter(str(path.parent.relative_to(ROOT)) for path in [*SOURCES, *CLIENT])

    assert {folder for folder, count in files.items() if count > MAX_FILES} == set()


def test_no_two_files_differ_by_a_letter() -> None:
    names = sorted({path.stem for path in SOURCES})
    alike = {pair for pair in combinations(names, 2) if differ_by_a_letter(*pair)}

    assert alike == set()


def test_no_two_functions_or_classes_have_one_name() -> None:
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = Counter(node.name for path in SOURCES for node in tree_of(path).body if isinstance(node, kinds))

    assert {name for name, count in names.items() if count > 1} == FLASK_NAMES


def differ_by_a_letter(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(short) == len(long):
        return sum(a != b for a, b in zip(short, long, strict=True)) == 1
    return any(short == long[:at] + long[at + 1 :] for at in range(len(long)))


@pytest.mark.parametrize(
    "rule",
    [
        forbidden_imports,
        imports_outwards,
        private_modules,
        assignments_to_others,
        subclasses_of_servers,
        ways_to_connect,
        is_too_long,
    ],
)
def test_no_file_breaks_the_rule(rule: Callable[[Path], Iterator[str]]) -> None:
    assert [f"{name_of(path)}: {found}" for path in SOURCES for found in rule(path)] == []


@pytest.mark.parametrize("rule", [private_modules, assignments_to_others, is_too_long, imports_of_services])
def test_the_client_keeps_the_rules_too(rule: Callable[[Path], Iterator[str]]) -> None:
    assert [f"{name_of(path)}: {found}" for path in CLIENT for found in rule(path)] == []
