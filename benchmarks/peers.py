"""Measures books beside programs of others, in one interleaved run: `make bench-peers PEERS=<their folder>`.

Books runs on PostgreSQL, once with gunicorn and once with Granian. The folder has a `bench.py` that starts
the others itself, and reads of a service that runs already, in JSON by its name:

    url, pid                   where it answers, and the root of its tree of processes
    dbs                        ["pg"]
    token, writer_token        of a user with exactly 20 books, and of another; good for 45 minutes
    ids                        of the 20 books
    auth_header, auth_prefix   how a token is sent
    paths                      of `list`, `one` (with {id}) and `post`
    body                       of `post`; {n} has to be another text each time: a shelf holds a book once
"""

import json
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.books import Stage, staged

PEERS = "flask-tutorial,fastapi-sqlalchemy"
SERVERS = ("gunicorn", "granian")


def main() -> int:
    """Start the services, and run the peers' benchmark."""
    parser = ArgumentParser(description="Measure books beside other programs.")
    parser.add_argument("peers", type=Path, help="the folder with bench.py")
    parser.add_argument(
        "--python", default=os.environ.get("PEERS_PYTHON", sys.executable), help="of bench.py"
    )
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    options, more = parser.parse_known_args()  # of bench.py
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bookstore-peers-")))
        columns = {
            f"books-{server}": column(stack.enter_context(staged("postgresql", workers=2, server=server)))
            for server in options.servers
        }
        (folder / "books.json").write_text(json.dumps(columns))
        command = [options.python, str(options.peers / "bench.py"), "--db=pg", f"--file={folder}/books.json"]
        command += [f"--targets={PEERS},{','.join(columns)}"]
        process = subprocess.Popen([*command, "--rounds=4", *more])
        try:
            return process.wait()
        finally:
            process.send_signal(signal.SIGINT)  # to end what it started, if it has not ended
            process.wait()


def column(stage: Stage) -> dict[str, object]:
    """Return what the peers' benchmark has to know; this module's text says what the members are."""
    return {
        "url": stage.services.url("books"),
        "pid": stage.services.pid("books"),
        "dbs": ["pg"],
        "token": stage.reader.token,
        "writer_token": stage.writer.token,
        "ids": list(stage.ids),
        "auth_header": "Authorization",
        "auth_prefix": "Bearer ",
        "paths": {"list": "/books", "one": "/books/{id}", "post": "/book"},
        "body": stage.body,
    }


if __name__ == "__main__":
    sys.exit(main())
