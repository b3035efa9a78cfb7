"""A checkout and a data folder whose names mean something in URLs, to Alembic or to a shell."""

import stat
from pathlib import Path

from tests.e2e.stack import clone
from tests.run.runs import Run

ODD = "~%41 %(x)s?#&%"


def test_the_databases_are_where_they_should_be_and_their_owners_alone(run: Run, tmp_path: Path) -> None:
    run.root = clone(tmp_path / ODD / "checkout")
    run.environment |= {"DATA_DIR": f"~/{ODD}", "HOME": str(tmp_path / "home")}
    folder = tmp_path / "home" / ODD

    run.start()
    run.wait_ready()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes.keys() >= {"auth.db", "books.db", "keys.json"}
    assert set(modes.values()) == {0o600}
    assert set(tmp_path.rglob("*.db")) == {folder / "auth.db", folder / "books.db"}
