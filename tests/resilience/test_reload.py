"""HUP and TERM under keep-alive load: whoever was let in gets every answer."""

import signal
from pathlib import Path

from tests.resilience.alone import make_pair, somebody, wait_for_workers, workers
from tests.resilience.writers import Writers

RELOADS = 2


def test_new_workers_and_a_stop_lose_no_reply(tmp_path: Path) -> None:
    with make_pair(tmp_path, "books") as pair:
        pair.start("books")
        server = pair.processes["books"]
        with Writers(somebody(pair), count=16) as writers:
            for _ in range(RELOADS):
                old = workers(pair)
                server.send_signal(signal.SIGHUP)
                wait_for_workers(pair, other_than=old)
            assert writers.refused == 0
            pair.stop("books")

        assert server.returncode == 0
        assert writers.broken == []
        assert set(writers.statuses) == {200, 201}
        pair.start("books")
        assert writers.lost() == set()
