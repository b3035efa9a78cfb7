"""A person who uses the command `bookstore`."""

import json
from pathlib import Path

from bookstore_client.cli import bookstore
from click.testing import CliRunner

from tests.served import ServedPair


class Shell:
    """Runs the command as somebody's, with a folder as their home."""

    def __init__(self, pair: ServedPair, home: Path) -> None:
        self.home = home
        self.environment = {
            "BOOKSTORE_AUTH_URL": pair.url("auth"),
            "BOOKSTORE_BOOKS_URL": pair.url("books") + "/",
            "XDG_STATE_HOME": str(home),
            "NO_PROXY": "*",
        }

    def run(self, *words: str, typed: str = "", code: int = 0) -> str:
        """Run `bookstore` with these words; return what it printed, or complained of."""
        done = CliRunner(env=self.environment).invoke(bookstore, words, input=typed)
        assert done.exit_code == code, done.output
        return done.stderr if code else done.stdout

    def json(self, *words: str) -> list[dict[str, object]]:
        """Run `bookstore` with these words and `--json`; return the lines that it printed."""
        return [json.loads(line) for line in self.run(*words, "--json").splitlines()]
