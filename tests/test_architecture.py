"""The shape of the code, read from the code: who imports whom, and who looks at the environment."""

import ast
import sys
from collections.abc import Iterator
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
# The layers of a service, from the outside inwards; a module may import its own layer and those behind it.
ENTRANCES = {"__init__", "gunicorn_conf", "env"}  # what puts the parts together
HTTP = {"views", "cli"}
FACTS = {"models", "settings"}
ENVIRONMENT = {"common/settings.py"}
PATCHES = {"gunicorn.SERVER"}  # gunicorn has no setting for the `Server` header, which must name no software
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client takes it from nowhere else


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_source = pytest.mark.parametrize("path", SOURCES, ids=name_of)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every module that the file imports, `from package import module` as `package.module`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def layer_of(module: str) -> int:
    """Return how far inside its service a module is: views and what is theirs 1, rules 2, models 3."""
    part = module.split(".")[1]
    return 0 if part in ENTRANCES else 1 if part in HTTP else 3 if part in FACTS else 2


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_there_is_something_to_read() -> None:
    assert {"auth_service/__init__.py", "books_service/shelf/put.py", "common/tokens/access.py"} <= set(
        map(name_of, SOURCES)
    )


@every_source
def test_common_knows_no_service_and_no_service_the_other(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]

    foreign = {module for _, module in imports(path) if module.split(".")[0] in {*SERVICES} - {package}}

    assert not foreign


@every_source
def test_imports_point_from_views_to_rules_to_models(path: Path) -> None:
    package, module = path.relative_to(ROOT).parts[0], module_of(path)
    if package == "common":
        return

    inside = {name for _, name in imports(path) if name.startswith(f"{package}.")}

    assert not {name for name in inside if layer_of(name) < layer_of(module)}


@every_source
def test_every_import_stands_at_the_top(path: Path) -> None:
    functions = [
        node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    inside = [
        node for each in functions for node in ast.walk(each) if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert not [ast.unparse(node) for node in inside]


@every_source
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    if name_of(path) in ENVIRONMENT:
        return

    uses = [node for node in ast.walk(tree_of(path)) if is_environment(node)]

    assert len(uses) == len(uses_of_the_metrics_folder(path))


def is_environment(node: ast.AST) -> bool:
    """Tell whether this is `os.environ`, `os.getenv` or an import of one of them."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in names for alias in node.names)
    return isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os"


def uses_of_the_metrics_folder(path: Path) -> list[ast.AST]:
    """Return the places that look at or set the one variable which a library reads by itself."""
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Subscript | ast.Call)]
    return [node for node in calls if is_use(node) and METRICS_FOLDER in ast.unparse(node)]


def is_use(node: ast.Subscript | ast.Call) -> bool:
    target = node.value if isinstance(node, ast.Subscript) else node.func
    return ast.unparse(target) in ("os.environ", "os.environ.get")


@every_source
def test_rules_know_no_request(path: Path) -> None:
    """What a session or a shelf is stands apart from HTTP (docs/design.md)."""
    if path.relative_to(ROOT).parts[0] == "common" or layer_of(module_of(path)) < 2:
        return

    assert not {"flask.request", "flask.g"} & {module for _, module in imports(path)}


@every_source
def test_private_names_of_other_packages_stay_private(path: Path) -> None:
    foreign = foreign_names(path)
    uses = [
        ast.unparse(node)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and is_private(node.attr) and root_of(node) in foreign
    ]
    private = [name for _, name in imports(path) if any(map(is_private, name.split(".")[1:]))]

    assert not uses
    assert not [name for name in private if is_foreign(name)]


@every_source
def test_nothing_is_assigned_to_an_imported_module(path: Path) -> None:
    imported = {name for name, module in imported_names(path).items() if module != "flask.g"}
    targets = [
        target
        for node in ast.walk(tree_of(path))
        for target in targets_of(node)
        if isinstance(target, ast.Attribute) and root_of(target) in imported
    ]

    assert not {ast.unparse(target) for target in targets} - PATCHES
    assert not [node for node in ast.walk(tree_of(path)) if is_call_of(node, "setattr")]


@every_source
def test_no_class_of_a_server_is_subclassed_but_its_logger(path: Path) -> None:
    servers = {
        name.split(".")[-1]: name
        for _, name in imports(path)
        if name.split(".")[0] in ("gunicorn", "granian")
    }
    bases = {
        ast.unparse(base)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }

    assert {servers[base] for base in bases & set(servers)} <= {"gunicorn.glogging.Logger"}
    assert not [base for base in bases if base.split(".")[0] in ("gunicorn", "granian")]


# What makes or hands out a connection, and where it may: everything else has `db.read()` and `db.write()`.
CONNECTING = {"connect", "begin", "raw_connection", "create_engine", "session", "Session", "sessionmaker"}
CONNECTED_IN = {"common/db/pool.py", "common/db/migrations.py"}


@every_source
def test_there_is_one_way_to_get_a_connection(path: Path) -> None:
    """Statements run on `db.read()` and `db.write()`; migrations have an engine of their own."""
    if name_of(path) in CONNECTED_IN:
        return

    sqlalchemy = {module for _, module in imports(path) if module.startswith("sqlalchemy")}
    used = [
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr in CONNECTING
        and ast.unparse(node.value).split(".")[-1] in ("db", "engine", "_engine")
    ]

    assert not set(filter(is_connecting, sqlalchemy))
    assert not [ast.unparse(node) for node in used]


def is_connecting(module: str) -> bool:
    return module.split(".")[-1] in CONNECTING


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_foreign(module: str) -> bool:
    return module.split(".")[0] not in {*SERVICES, "common", "_typeshed", *sys.stdlib_module_names}


def imported_names(path: Path) -> dict[str, str]:
    """Return what each name that the file imports stands for."""
    names = {}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.asname or (alias.name if package else alias.name.split(".")[0])
                names[name] = f"{package}{alias.name}"
    return names


def foreign_names(path: Path) -> set[str]:
    """Return the names that stand for something of another package; Python's own documents `os._exit`."""
    return {name for name, module in imported_names(path).items() if is_foreign(module)}


def root_of(node: ast.expr) -> str:
    """Return the name that an expression such as `a.b().c` begins with, or nothing."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def targets_of(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign | ast.Delete):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []


def is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == name


@pytest.mark.parametrize(
    "name",
    [
        "common/tokens/access.py",
        "common/tokens/keys.py",
        "common/web/cursors.py",
        "common/client_address.py",
        "auth_service/passwords/policy.py",
    ],
)
def test_what_can_be_used_without_flask_is(name: str) -> None:
    assert not [module for _, module in imports(ROOT / name) if module.split(".")[0] == "flask"]


@every_source
def test_a_module_says_what_it_owns_and_stays_small(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))
    assert len(path.read_text().splitlines()) <= 250
