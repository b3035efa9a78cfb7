"""The shape of the code, read from the code: who imports whom, and who looks at the environment."""

import ast
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
HTTP = {"views", "guards", "credentials", "fields", "payloads", "limiting"} | {
    "commands",
    "audit_commands",
    "event_commands",
}
FACTS = {"models", "settings"}
ENVIRONMENT = {"common/settings.py"}
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
    assert {"auth_service/__init__.py", "books_service/shelf.py", "common/tokens.py"} <= set(
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


@pytest.mark.parametrize(
    "name",
    [
        "common/tokens.py",
        "common/keys.py",
        "common/pages.py",
        "common/client_address.py",
        "auth_service/passwords.py",
    ],
)
def test_what_can_be_used_without_flask_is(name: str) -> None:
    assert not [module for _, module in imports(ROOT / name) if module.split(".")[0] == "flask"]


@every_source
def test_a_module_says_what_it_owns_and_stays_small(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))
    assert len(path.read_text().splitlines()) <= 250
