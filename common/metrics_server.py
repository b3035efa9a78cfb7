"""Owns the page of metrics: the sum over all workers, on a port of its own."""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from common import metrics

log = structlog.get_logger()

METRICS_TIME = 5.0  # seconds that a client of the metrics may be silent


def forget_metrics(_arbiter: Any, worker: Any) -> None:
    """Take a dead worker out of the gauges that count the living."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call] # untyped there


def serve_metrics(listener: socket.socket, _worker: Any) -> None:
    """Answer on the port of the metrics too, from a thread of each worker."""
    server = MetricsServer(listener)
    threading.Thread(target=server.serve_forever, args=(1,), name="metrics", daemon=True).start()


class MetricsServer(ThreadingHTTPServer):
    """Serves from a socket that it shares with the other workers."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(("", 0), MetricsPage, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        listener.setblocking(False)  # another worker may have been quicker

    def service_actions(self) -> None:
        """Bring up to date, once a second, what changes too often to be written down each time."""
        for bring_up_to_date in metrics.every_second:
            try:
                bring_up_to_date()
            except Exception as error:  # noqa: BLE001 - the thread has to go on: nobody would start it again
                log.warning("metrics_not_up_to_date", error=repr(error))

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
