"""The shape of the code, read from the code: which room imports which, and what no room may do."""

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SERVICES = ("auth_service", "books_service")
SOURCES = sorted(
    path
    for package in (*SERVICES, "common")
    for path in (ROOT / package).rglob("*.py")
    if "versions" not in path.parts  # Alembic's scripts
)

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
    "books_service": (ENTRANCES, ("views", "cli"), ("shelf", "feed", "transfer"), ("models", "settings")),
    "common": (
        ("__init__", "app", "health", "cli"),
        ("web", "server"),
        ("db", "tokens"),
        ("ops",),
        ("settings", "errors", "client_address", "healthcheck"),
    ),
}
BESIDE = {
    ("users", "sessions"),
    ("users", "passwords"),
    ("users", "throttle"),
    ("feed", "shelf"),
    ("transfer", "shelf"),
    ("settings", "client_address"),
    ("other", "other"),
}
SERVERS = ("gunicorn", "granian", "common.server")
WITHOUT_FLASK = {"common.tokens", "common.client_address", "auth_service.passwords.policy"}

FLASK_NAMES = {"create_app", "init_app"}  # each package has its own, by Flask's custom

MAX_FILES = 12  # in a folder
MAX_LINES = 250  # in a file

ENVIRONMENT = {"common/settings.py"}
PATCHES = {"gunicorn.SERVER"}  # gunicorn has no setting for the `Server` header, which must name no software
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client takes it from nowhere else

# What makes or hands out a connection, and where it may: everything else has `db.read()` and `db.write()`.
CONNECTING = {"connect", "begin", "raw_connection", "create_engine", "session", "Session", "sessionmaker"}
CONNECTED_IN = {"common/db/pool.py", "common/db/migrations.py"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(), str(path))))


def body_of(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text()).body


@cache
def imports(path: Path) -> list[str]:
    """Return every module that the file imports, `from package import module` as `package.module`."""
    found = []
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def room_of(module: str) -> str:
    """Return the room in its package; a module that has none is one of the "other" rules."""
    package, _, inside = module.partition(".")
    room = inside.partition(".")[0]
    return room if any(room in layer for layer in LAYERS[package]) else "other"


def layer_of(package: str, room: str) -> int:
    return next(number for number, layer in enumerate(LAYERS[package]) if room in layer)


def test_there_is_something_to_read() -> None:
    read = {module_of(path).rpartition(".")[0] for path in SOURCES}

    assert read >= {"auth_service.views", "books_service.shelf", "common.tokens"}


def test_every_module_has_its_room() -> None:
    roomless = [
        module
        for module in map(module_of, SOURCES)
        if not any(room_of(module) in layer for layer in LAYERS[module.split(".")[0]])
    ]

    assert roomless == []


def foreign_services(path: Path) -> Iterator[str]:
    foreign = {*SERVICES} - {path.relative_to(ROOT).parts[0]}
    return (module for module in imports(path) if module.split(".")[0] in foreign)


def imports_outwards(path: Path) -> Iterator[str]:
    package, room = path.relative_to(ROOT).parts[0], room_of(module_of(path))
    own_layer = layer_of(package, room)
    for module in imports(path):
        if module.split(".")[0] != package or room in ENTRANCES:
            continue
        other = room_of(module)
        is_allowed = layer_of(package, other) > own_layer or room == other or (room, other) in BESIDE
        if not is_allowed:
            yield f"{room} imports {module}"


def servers_in_services(path: Path) -> Iterator[str]:
    module = module_of(path)
    if module.split(".")[0] in SERVICES and room_of(module) not in ENTRANCES:
        yield from (name for name in imports(path) if name.startswith(SERVERS))


def imports_in_functions(path: Path) -> Iterator[str]:
    for function in nodes_of(path):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = (node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom))
            yield from map(ast.unparse, inside)


def uses_of_the_environment(path: Path) -> Iterator[str]:
    if name_of(path) in ENVIRONMENT:
        return
    uses = [ast.unparse(node) for node in nodes_of(path) if is_environment(node)]
    if len(uses) != len(uses_of_the_metrics_folder(path)):
        yield from uses


def is_environment(node: ast.AST) -> bool:
    """Tell whether this is `os.environ`, `os.getenv` or an import of one of them."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in names for alias in node.names)
    return isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os"


def uses_of_the_metrics_folder(path: Path) -> list[ast.AST]:
    """Return the places that look at or set the one variable which a library reads by itself."""
    calls = [node for node in nodes_of(path) if isinstance(node, ast.Subscript | ast.Call)]
    return [node for node in calls if is_use(node) and METRICS_FOLDER in ast.unparse(node)]


def is_use(node: ast.Subscript | ast.Call) -> bool:
    target = node.value if isinstance(node, ast.Subscript) else node.func
    return ast.unparse(target) in ("os.environ", "os.environ.get")


def requests_in_rules(path: Path) -> Iterator[str]:
    """What a session or a shelf is stands apart from HTTP (docs/design.md)."""
    package, room = path.relative_to(ROOT).parts[0], room_of(module_of(path))
    if package in SERVICES and layer_of(package, room) > layer_of(package, "views"):
        yield from {"flask.request", "flask.g"} & set(imports(path))


def flask_where_it_is_not_needed(path: Path) -> Iterator[str]:
    if module_of(path).startswith(tuple(WITHOUT_FLASK)):
        yield from (name for name in imports(path) if name.split(".")[0] == "flask")


def private_names(path: Path) -> Iterator[str]:
    foreign = {name for name, module in imported_names(path).items() if is_foreign(module)}
    for node in nodes_of(path):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and root_of(node) in foreign:
            yield ast.unparse(node)
    for name in imports(path):
        if is_foreign(name) and any(map(is_private, name.split(".")[1:])):
            yield name


def assignments_to_others(path: Path) -> Iterator[str]:
    imported = {name for name, module in imported_names(path).items() if module != "flask.g"}
    for node in nodes_of(path):
        for target in targets_of(node):
            if isinstance(target, ast.Attribute) and root_of(target) in imported:
                yield from {ast.unparse(target)} - PATCHES
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


def large_or_silent(path: Path) -> Iterator[str]:
    text = path.read_text()
    if not ast.get_docstring(ast.parse(text)):
        yield "has no docstring"
    if text.count("\n") > MAX_LINES:
        yield f"has {text.count(chr(10))} lines"


def test_a_folder_holds_a_dozen_files_at_most() -> None:
    files = Counter(str(path.parent.relative_to(ROOT)) for path in SOURCES)

    assert {folder for folder, count in files.items() if count > MAX_FILES} == set()


def test_no_two_files_differ_by_a_letter() -> None:
    names = sorted({path.stem for path in SOURCES})
    alike = {pair for pair in combinations(names, 2) if differ_by_a_letter(*pair)}

    assert alike == set()


def test_no_two_functions_or_classes_have_one_name() -> None:
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = Counter(node.name for path in SOURCES for node in body_of(path) if isinstance(node, kinds))

    assert {name for name, count in names.items() if count > 1} == FLASK_NAMES


def differ_by_a_letter(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(short) == len(long):
        return sum(a != b for a, b in zip(short, long, strict=True)) == 1
    return any(short == long[:at] + long[at + 1 :] for at in range(len(long)))


@pytest.mark.parametrize(
    "rule",
    [
        foreign_services,
        imports_outwards,
        servers_in_services,
        imports_in_functions,
        uses_of_the_environment,
        requests_in_rules,
        flask_where_it_is_not_needed,
        private_names,
        assignments_to_others,
        subclasses_of_servers,
        ways_to_connect,
        large_or_silent,
    ],
)
def test_no_file_breaks_the_rule(rule: Callable[[Path], Iterator[str]]) -> None:
    assert [f"{name_of(path)}: {found}" for path in SOURCES for found in rule(path)] == []


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_foreign(module: str) -> bool:
    """Tell whether this is another package's; Python's own documents `os._exit`."""
    return module.split(".")[0] not in {*SERVICES, "common", "_typeshed", *sys.stdlib_module_names}


def imported_names(path: Path) -> dict[str, str]:
    """Return what each name that the file imports stands for."""
    names = {}
    for node in nodes_of(path):
        if isinstance(node, ast.Import | ast.ImportFrom):
            package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.asname or (alias.name if package else alias.name.split(".")[0])
                names[name] = f"{package}{alias.name}"
    return names


def root_of(node: ast.expr) -> str:
    """Return the name that an expression such as `a.b().c` begins with, or nothing."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def targets_of(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign | ast.Delete):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []
