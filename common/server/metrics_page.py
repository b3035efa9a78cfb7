"""The page of metrics: the sum over all workers, on a port of its own."""

import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

log = structlog.get_logger()

METRICS_TIME = 5.0  # seconds that a client of the metrics may be silent


def serve_metrics(listener: socket.socket) -> None:
    """Answer on the port of the metrics from a thread, be it one of several processes that do."""
    server = MetricsServer(listener)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def forget_the_dead() -> None:
    """Take processes that ended out of the gauges that count the living."""
    files = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_live*_*.db")
    for process in {int(file.stem.rpartition("_")[2]) for file in files}:
        try:
            os.kill(process, 0)
        except OSError:
            mark_process_dead(process)  # type: ignore[no-untyped-call] # untyped there


class MetricsServer(ThreadingHTTPServer):
    """Serves from a socket that it may share with other processes."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(("", 0), MetricsPage, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        listener.setblocking(False)  # another process may have been quicker

    def handle_error(self, *_: object) -> None:
        """Log what went wrong with one scrape, such as a client that went away; the next may be right."""
        log.warning("metrics_not_answered", error=repr(sys.exception()))


class MetricsPage(BaseHTTPRequestHandler):
    """Answers `GET /metrics` with the sum over all workers, anything else with 404."""

    timeout = METRICS_TIME
    server_version = "bookstore"
    sys_version = ""

    def do_GET(self) -> None:  # http.server calls it by this name
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        forget_the_dead()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # untyped there
        page = generate_latest(registry)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Write no line for a scrape."""
