"""Prints what a request meets: the files of this repository, and the lines of their functions.

`python -m benchmarks.walk` runs each request once in process, on SQLite, after others have warmed the caches.
"""

import ast
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from auth_service import create_app as create_auth
from benchmarks.people import PASSWORD, book
from books_service import create_app as create_books

ROOT = Path(__file__).parents[1]
NAME = "Ann"
# They see every request, whatever its route.
AROUND = (
    "common/app.py",
    "common/proxies.py",
    "common/ops/",
    "common/server/",
    "common/web/headers.py",
)


def main() -> int:
    """Print a table for each request."""
    with TemporaryDirectory(prefix="bookstore-walk-") as folder:
        os.environ.update(DATA_DIR=folder, PYTHON_DOTENV_DISABLED="1")
        auth, books = (prepared(create, Path(folder)) for create in (create_auth, create_books))
        credentials = {"name": NAME, "password": PASSWORD}
        tokens = auth.post("/register", json=credentials).get_json()
        bearer = {"Authorization": f"Bearer {tokens['token']}"}
        refreshed = {"refresh_token": tokens["refresh_token"]}
        requests: dict[str, Callable[[], Any]] = {
            "POST /book": lambda: books.post("/book", json=book(), headers=bearer),
            "GET /books": lambda: books.get("/books", headers=bearer),
            "POST /login": lambda: auth.post("/login", auth=(NAME, PASSWORD)),
            "POST /refresh": lambda: auth.post("/refresh", json=refreshed),
        }
        for name, send in requests.items():
            send()
            print_walk(name, walk(send))
    return 0


def prepared(create: Callable[[], Flask], folder: Path) -> FlaskClient:
    """Return a client of the application, with its keys and a migrated database."""
    os.environ["FLASK_RUN_FROM_CLI"] = "true"  # a command runs before there are keys
    app = create()
    commands = [["db", "upgrade"]] + ([] if (folder / "keys.json").exists() else [["keys", "init"]])
    for command in commands:
        app.test_cli_runner().invoke(args=command, catch_exceptions=False)
    del os.environ["FLASK_RUN_FROM_CLI"]
    return create().test_client()


def walk(send: Callable[[], Any]) -> dict[str, int]:
    """Return the lines of the functions that a request met, by file."""
    met: set[tuple[str, int]] = set()
    with profiled(lambda frame: met.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))):
        send()
    lines: defaultdict[str, set[int]] = defaultdict(set)
    for file, first in met:
        path = Path(file)
        if path.is_relative_to(ROOT) and path.parts[len(ROOT.parts)] not in (".venv", "benchmarks"):
            lines[str(path.relative_to(ROOT))] |= functions(path).get(first, set())
    return {name: len(found) for name, found in sorted(lines.items()) if found}


@contextmanager
def profiled(note: Callable[[FrameType], object]) -> Iterator[None]:
    """Note every call in the block, in all threads that start in it."""

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            note(frame)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@cache
def functions(path: Path) -> dict[int, set[int]]:
    """Return the lines of each function in a file, by its first line (that of a decorator, if it has one)."""
    spans = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
            first = min(each.lineno for each in (node, *decorators))
            spans[first] = set(range(first, (node.end_lineno or first) + 1))
    return spans


def print_walk(name: str, lines: dict[str, int]) -> None:
    """Print each file and the sums, with and without what is around every request."""
    print(f"\n{name}")
    for file, count in lines.items():
        print(f"  {count:4}  {file}")
    own = [count for file, count in lines.items() if not file.startswith(AROUND)]
    print(
        f"  {sum(lines.values()):4}  in {len(lines)} files, {sum(own)} in {len(own)} without what is around"
    )


if __name__ == "__main__":
    raise SystemExit(main())
