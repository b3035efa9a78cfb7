"""Shows which test catches which fault: `python tools/mutate.py [WORD...]`.

`mutations.toml` lists small faults. Each is put alone into a copy of the checkout, where its tests run until
one fails. A fault that none of them catches is an error, and so is one that no longer fits the code.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
FAULTS = ROOT / "tools/mutations.toml"
AT_ONCE = 2  # copies of the checkout
TIME_LIMIT = 600  # seconds for the tests of one fault
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fault:
    """A piece of code and what replaces it, and the tests that have to notice."""

    name: str
    file: str
    old: str
    new: str
    tests: list[str]


def main() -> int:
    """Print a line for each fault; return 1 if one was not caught."""
    by_file = tomllib.loads(FAULTS.read_text())
    faults = [Fault(file=file, **fault) for file, faults in by_file.items() for fault in faults]
    chosen = [fault for fault in faults if all(word in fault.name for word in sys.argv[1:])]
    missed = 0
    copies: Queue[Path] = Queue()
    with TemporaryDirectory(prefix="bookstore-mutants-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(AT_ONCE):
            copies.put(copy_checkout(Path(folder) / str(number)))
        catchers = pool.map(lambda fault: find_catcher(fault, copies), chosen)
        for fault, caught in zip(chosen, catchers, strict=True):
            print(f"| {fault.name} | {caught or '**nothing**'} |", flush=True)
            missed += not caught
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    return 1 if missed else 0


def copy_checkout(folder: Path) -> Path:
    """Copy the files that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def find_catcher(fault: Fault, copies: "Queue[Path]") -> str:
    """Return the first test that fails with the fault in place, or an empty string."""
    copy = copies.get()
    path = copy / fault.file
    code = path.read_text()
    try:
        if code.count(fault.old) != 1:
            raise SystemExit(f"{fault.name}: its code is not in {fault.file} once")
        path.write_text(code.replace(fault.old, fault.new))
        return next(run_tests(copy, fault.tests), "")
    finally:
        path.write_text(code)
        copies.put(copy)


def run_tests(copy: Path, tests: list[str]) -> Iterator[str]:
    """Yield the test that failed, if any; a suite that does not start has noticed too."""
    command = [sys.executable, "-m", "pytest", "--exitfirst", "--quiet", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    if done.returncode:
        yield next(iter(FAILED.findall(done.stdout)), "the start of the tests")


if __name__ == "__main__":
    raise SystemExit(main())
