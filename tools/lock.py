"""Writes the locks of the services, of `make run` and of development, with hashes and without addresses."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = [f"{name}_service" for name in tomllib.loads((ROOT / "services.toml").read_text())]
SERVICES = [f"{package}/requirements.txt" for package in PACKAGES]
RUN = "requirements-run.txt"
DEVELOPMENT = "requirements-dev.txt"

# Each lock with its source and the locks whose versions it has to keep to: all live in one
# virtual environment. None holds a mark of who asked for a package, so that a diff shows versions only.
LOCKS: tuple[tuple[str, list[str], list[str]], ...] = (
    *(
        (SERVICES[place], [f"{package}/pyproject.toml", "--extra", "granian"], SERVICES[:place])
        for place, package in enumerate(PACKAGES)
    ),
    (RUN, ["--group", "pyproject.toml:run"], SERVICES),
    (DEVELOPMENT, ["--group", "pyproject.toml:dev"], [*SERVICES, RUN]),
)
UV = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
OPTIONS = [
    "--generate-hashes",
    # Without its extra in the lock, `coverage[toml]` is looked for on its own: pip takes the newest version,
    # which has no hash, and fails as soon as there is a newer one than the locked.
    "--no-strip-extras",
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
]
HEADER = "# Written by `make lock`; do not edit.\n"


def main() -> int:
    """Lock everything again; `--upgrade` takes newer versions, without it what is locked stays."""
    for lock, source, constraints in LOCKS:
        write(lock, source, constraints, extra=sys.argv[1:])
    return 0


def write(lock: str, source: list[str], constraints: list[str], *, extra: list[str]) -> None:
    arguments = [*UV, *OPTIONS, *extra, *source, "--output-file", lock]
    for constraint in constraints:
        arguments += ["--constraints", constraint]
    subprocess.run(arguments, cwd=ROOT, env=environment(), check=True)
    path = ROOT / lock
    path.write_text(HEADER + path.read_text())


def environment() -> dict[str, str]:
    """Return the environment with the package index that pip is set to, which uv does not read itself."""
    pip = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = subprocess.run(pip, capture_output=True, text=True, check=False).stdout.strip()
    return {"UV_DEFAULT_INDEX": index, **os.environ} if index else dict(os.environ)


if __name__ == "__main__":
    sys.exit(main())
