"""Makes a service from the templates, and wires it like the others: `make new-service NAME=notes`.

All that is to be written is made first, and nothing is written if a part of it does not fit.
"""

import builtins
import keyword
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "templates"
WIRING = TEMPLATES / "wiring.toml"
LOCK = "requirements.txt"  # the new service needs what books needs
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*s")
MAX_LENGTH = 30  # of a name: hosts and databases are named after it
WORD = re.compile(r"(?:(?<![A-Za-z])things?|Things?|THINGS?)(?![a-z])")


class Refused(Exception):
    """The service cannot be made; the message says why."""


@dataclass(frozen=True)
class Service:
    """A service to be made: its name, such as `audio_books`, and its ports."""

    name: str
    port: int
    metrics_port: int

    @property
    def words(self) -> dict[str, str]:
        """Return what stands in place of each word of the templates."""
        one = singular(self.name)
        return {
            "things": self.name,
            "thing": one,
            "Things": self.name.title().replace("_", ""),
            "Thing": one.title().replace("_", ""),
            "THINGS": self.name.upper(),
            "THING": one.upper(),
        }

    def render(self, text: str) -> str:
        """Return a text of the templates, or a path, as this service has it."""
        text = WORD.sub(lambda found: self.words[found[0]], text)
        text = text.replace("{host}", self.name.replace("_", "-"))
        return text.replace("{port}", str(self.port)).replace("{metrics_port}", str(self.metrics_port))


def singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-2] if name.endswith(("ses", "xes", "ches", "shes")) else name[:-1]


def main() -> None:
    try:
        service = plan(sys.argv[1] if len(sys.argv) > 1 else "")
        changed, made = wire(service), render_files(service)
    except Refused as error:
        sys.exit(f"make new-service: {error}")
    for path, text in (changed | made).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    code = [path for path in made if path.suffix == ".py"]
    for words in (["check", "--select=I", "--fix"], ["format"]):  # another name sorts elsewhere
        subprocess.run([sys.executable, "-m", "ruff", *words, "--quiet", *code], cwd=ROOT, check=True)
    for kind, paths in (("made", made), ("changed", changed)):
        print(f"{kind}:", *sorted(str(path.relative_to(ROOT)) for path in paths), sep="\n  ")
    print(f"It answers on port {service.port}. Next: make test ARGS=tests/{service.name}, make run")


def plan(name: str) -> Service:
    """Return the service that a name stands for, or raise `Refused`."""
    if not NAME.fullmatch(name) or len(name) > MAX_LENGTH:
        raise Refused("NAME must be a plural in small letters, such as NAME=notes or NAME=audio_books")
    services = tomllib.loads((ROOT / "services.toml").read_text())
    compose = (ROOT / "docker-compose.yml").read_text()
    host = name.replace("_", "-")
    folders = [ROOT / f"{name}_service", ROOT / "tests" / name]
    is_taken = name in services or any(folder.exists() for folder in folders)
    if is_taken or re.search(rf"^  {host}(-(password|database|follower|migrate|pgbouncer))?:", compose, re.M):
        raise Refused(f"{name} is taken")
    code = " ".join(path.read_text() for path in TEMPLATES.rglob("*.py"))
    for word in (name, singular(name)):
        if keyword.iskeyword(word) or hasattr(builtins, word) or re.search(rf"\b{word}\b", code):
            raise Refused(f"{word} means something else in the code; choose another name")
    ports = [max(each[kind] for each in services.values()) + 1 for kind in ("port", "metrics_port")]
    return Service(name, *ports)


def wire(service: Service) -> dict[Path, str]:
    """Return the files that are there with what the service adds to them, or raise `Refused`."""
    changed: dict[Path, str] = {}
    for insert in tomllib.loads(WIRING.read_text())["insert"]:
        path = ROOT / insert["file"]
        text = changed.get(path) or path.read_text()
        place = insert.get("after") or insert["before"]
        if text.count(place) != 1:
            raise Refused(f"{insert['file']} has to have this once (templates/wiring.toml):\n{place}")
        added = service.render(insert["text"])
        changed[path] = text.replace(place, place + added if "after" in insert else added + place)
    return changed


def render_files(service: Service) -> dict[Path, str]:
    """Return the files of the service: those of the templates, and the lock of books."""
    files = {}
    for path in TEMPLATES.rglob("*"):
        if path.is_file() and path != WIRING and "__pycache__" not in path.parts:
            target = ROOT / service.render(str(path.relative_to(TEMPLATES)))
            files[target] = service.render(path.read_text())
    files[ROOT / f"{service.name}_service" / LOCK] = (ROOT / "books_service" / LOCK).read_text()
    return files


if __name__ == "__main__":
    main()
