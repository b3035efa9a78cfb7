"""Slow clients: two hundred of them keep nobody else waiting, and are answered when they are done."""

from pathlib import Path

from tests.resilience.alone import make_pair, somebody
from tests.resilience.slow_clients import SLOW, assert_nobody_waits


def test_slow_heads_and_bodies_keep_nobody_waiting(tmp_path: Path) -> None:
    with make_pair(tmp_path, "books", THREADS="64") as pair:
        reader = somebody(pair.start("books"))

        statuses = assert_nobody_waits(reader)

        assert statuses == [200] * SLOW + [201] * SLOW
