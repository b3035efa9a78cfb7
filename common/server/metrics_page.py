"""The page of metrics: the sum over all workers, on a port of its own."""

import os
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Metric, MetricsHandler
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from common.ops.metrics import at_scrape

log = structlog.get_logger()


def serve_metrics(listener: socket.socket) -> None:
    """Answer on the port of the metrics from a thread, be it one of several processes that do."""
    server = MetricsServer(("", 0), MetricsPage, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    listener.setblocking(False)  # another process may have been quicker
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def forget_the_dead() -> None:
    """Take processes that ended out of the gauges that count the living."""
    files = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_live*_*.db")
    for process in {int(file.stem.rpartition("_")[2]) for file in files}:
        try:
            os.kill(process, 0)
        except OSError:
            mark_process_dead(process)  # type: ignore[no-untyped-call] # untyped there


class AllWorkers(Collector):
    """The sum over the files of all workers."""

    def collect(self) -> Iterable[Metric]:
        """Read the files but those that a worker has only just made: they are empty for a moment."""
        files = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*.db")
        begun = [str(file) for file in files if has_begun(file)]
        yield from MultiProcessCollector.merge(begun)  # type: ignore[no-untyped-call] # untyped there


def has_begun(file: Path) -> bool:
    """Tell whether the file has something in it; false as well if it went with its worker."""
    with suppress(FileNotFoundError):
        return file.stat().st_size > 0
    return False


class MetricsServer(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Log what went wrong with one scrape, such as a client that went away; the next may be right."""
        log.warning("metrics_not_answered", error=repr(sys.exception()))


class MetricsPage(MetricsHandler):
    """Answers `GET /metrics`, in the format that is asked for, with the sum over all workers."""

    timeout = 5.0  # seconds that a client may be silent
    server_version = "bookstore"
    sys_version = ""

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        forget_the_dead()
        self.registry = CollectorRegistry()
        for collector in (AllWorkers(), *at_scrape.values()):
            self.registry.register(collector)
        super().do_GET()

    def log_request(self, code: int | str = "-", _size: int | str = "-") -> None:
        """Log a scrape, at debug level if it went well; nothing that the client wrote."""
        write = log.debug if code == HTTPStatus.OK else log.info
        write("scrape", status=code, client=self.client_address[0])

    do_HEAD = do_GET  # noqa: N815 - the same

    def end_headers(self) -> None:
        super().end_headers()
        if self.command == "HEAD":
            self.wfile = BytesIO()  # where the page goes
