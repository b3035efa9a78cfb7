"""`make doctor`: says what keeps the pair from starting, a line each, and what to do about it.

Python's own library is enough for most; the rest is looked at once the packages are installed. The exit
status is 1 if there is a fault. No value is printed that could be a secret.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module

from common.service_list import ROOT
from tools.doctor import machine
from tools.doctor.machine import FAULT, NOTE, OK, Finding

COLOURS = {OK: 32, NOTE: 33, FAULT: 31}  # of a terminal: green, yellow, red
NAME = re.compile(r"^#?([A-Z][A-Z0-9_]+)=|\$\{([A-Z][A-Z0-9_]+)", re.M)  # .env.example, docker-compose.yml
LINE = re.compile(r"\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*")
ALIKE = 0.85  # a name in the environment, which is everybody's
ALIKE_IN_FILE = 0.8  # a name in .env, which is ours


def main() -> int:
    """Print what is found; return the exit status."""
    os.chdir(ROOT)
    checks = {
        "names": [*check_names(os.environ, ALIKE), *check_env_file()],
        "services": check_services(),
        "ports": machine.check_ports(),
        "data": machine.check_data(),
        "clock": machine.check_clock(),
        "profiles": machine.check_profiles(),
        "docker": machine.check_docker(),
    }
    fine: list[Finding] = [(OK, "nothing is wrong")]
    levels = [show(name, *each) for name, found in checks.items() for each in [*found] or fine]
    return 1 if FAULT in levels else 0


def show(subject: str, level: str, sentence: str) -> str:
    """Print a line, in colours if somebody sees them; return the level."""
    mark = f"{level:6}"
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        mark = f"\033[{COLOURS[level]}m{mark}\033[0m"
    print(f"{mark}{subject:10}{sentence}", flush=True)
    return level


def check_env_file() -> Iterator[Finding]:
    """Look at the names in .env, and let its values count from now on."""
    try:
        file = read_env_file()
        os.environ.update(file | os.environ)  # what is set already stays
    except (OSError, ValueError):
        yield FAULT, ".env is no text in UTF-8 that you can read: correct it, or remove it"
    else:
        yield from check_names(file, ALIKE_IN_FILE, " in .env")


def read_env_file() -> dict[str, str]:
    """Return what .env sets: as the services read it, or nearly so before python-dotenv is installed."""
    path = ROOT / ".env"
    try:
        return {name: value or "" for name, value in import_module("dotenv").dotenv_values(path).items()}
    except ImportError:
        lines = path.read_text().splitlines() if path.exists() else []
        return {found[1]: found[2].strip("'\"") for found in map(LINE.fullmatch, lines) if found}


def check_names(names: Mapping[str, str], alike: float, place: str = "") -> Iterator[Finding]:
    """Look for names that are nearly those of settings of the services or of Compose."""
    texts = (ROOT / ".env.example").read_text() + (ROOT / "docker-compose.yml").read_text()
    known = {name for names_found in NAME.findall(texts) for name in names_found if name}
    known |= {f"{name}_FILE" for name in known}
    for name in sorted(names.keys() - known):
        for close in get_close_matches(name.upper(), known, n=1, cutoff=alike):
            yield FAULT, f"{name}{place} is no setting: did you mean {close}?"


def check_services() -> Iterator[Finding]:
    """Look for the installed packages, and with their help at settings, keys and databases."""
    version = "Python {}.{}.{}".format(*sys.version_info)
    try:
        services = import_module("tools.doctor.services")
    except ImportError as error:
        if (ROOT / ".venv").exists():
            yield FAULT, f"{error.name} is missing in .venv: run `make clean`, then `make run`"
        else:
            yield NOTE, f"{version}; `make run` installs them, then the values of settings are checked"
        return
    yield OK, f"{version} with all that the services need"
    yield from services.check_services()


if __name__ == "__main__":
    sys.exit(main())
