"""The code of the services, as the tests of its shape read it."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from common import service_list
from tests.programs import ROOT

SERVICES = tuple(f"{name}_service" for name in service_list.SERVICES)
PACKAGES = (*SERVICES, "common")
SOURCES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "versions" not in path.parts  # Alembic's scripts
)
CLIENT = sorted((ROOT / "client").rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree_of(path)))


@cache
def imported_names(path: Path) -> dict[str, str]:
    """Return what each name that the file imports stands for, `from package import x` as `package.x`."""
    names = {}
    for node in nodes_of(path):
        if isinstance(node, ast.Import | ast.ImportFrom):
            package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.asname or (alias.name if package else alias.name.split(".")[0])
                names[name] = f"{package}{alias.name}"
    return names


@cache
def imports(path: Path) -> list[str]:
    """Return every module and name that the file imports."""
    statements = [node for node in nodes_of(path) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [
        f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in statements
        for alias in node.names
    ]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_foreign(module: str) -> bool:
    """Tell whether this is another package's; Python's own documents `os._exit`."""
    return module.split(".")[0] not in {*PACKAGES, "bookstore_client", *sys.stdlib_module_names}


def root_of(node: ast.expr) -> str:
    """Return the name that an expression such as `a.b().c` begins with, or nothing."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def changed_attributes(path: Path) -> Iterator[ast.Attribute]:
    """Yield each attribute that the file assigns to or deletes."""
    for node in nodes_of(path):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node
