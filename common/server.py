"""Owns how a service is served: gunicorn's settings and hooks, its log lines, and the page of metrics."""

import atexit
import functools
import json
import logging
import os
import resource
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn import glogging
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, values
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from werkzeug.exceptions import BadRequest, RequestTimeout

from common import listeners
from common.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONNECTIONS = 1000  # a worker
GRACE = 25  # seconds for a worker to stop
KEEPALIVE = 75  # seconds that a connection may be idle: longer than the 60 of common load balancers
SILENCE = 30  # seconds without a sign of life after which the master kills a worker
METRICS_TIME = 5.0  # seconds that a client of the metrics may be silent
MEMORY = Path("/dev/shm")  # noqa: S108  # memory as files; every name made in it is random


@functools.cache  # gunicorn reads its settings again at every HUP, and must find the same sockets
def gunicorn_settings(settings: Settings) -> dict[str, Any]:
    """Open the ports of a service, or raise `Misconfigured`; return gunicorn's settings for it."""
    prefix = settings.service.upper()
    sockets = listeners.open_listeners(settings.host, settings.port, settings.workers, prefix=f"{prefix}_")
    (metrics,) = listeners.open_listeners(
        settings.metrics_host, settings.metrics_port, 1, prefix=f"{prefix}_METRICS_"
    )
    share_metrics()
    allow_open_files(CONNECTIONS + 1024)
    wsgi.SERVER = "bookstore"  # gunicorn has no setting for the Server header
    return {
        # gunicorn closes the numbers that it is given; ours stay open, so that no queue is ever lost.
        "bind": [f"fd://{os.dup(listener.fileno())}" for listener in sockets],
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": listeners.Worker,
        "worker_connections": max(CONNECTIONS, 2 * settings.threads),
        "worker_tmp_dir": str(MEMORY) if os.access(MEMORY, os.W_OK) else None,
        "preload_app": True,
        "keepalive": KEEPALIVE,
        "graceful_timeout": GRACE,
        "timeout": SILENCE,
        "limit_request_line": 4094,  # bytes
        "limit_request_fields": 100,
        "limit_request_field_size": 8190,  # bytes
        "forwarded_allow_ips": "",  # no peer may say where a request came from: TRUSTED_PROXIES does that
        "forwarder_headers": "",
        "control_socket_disable": True,
        "accesslog": None,  # the application logs its requests
        "loglevel": "warning",
        "logger_class": Logger,
        "when_ready": stop_gently,
        "pre_fork": listeners.take_slot,
        "post_fork": after_fork,
        "post_worker_init": functools.partial(serve_metrics, metrics),
        "child_exit": forget_metrics,
    }


def allow_open_files(count: int) -> None:
    """Raise the soft limit, often 1024, towards `count`: a worker without file numbers gives up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def stop_gently(arbiter: Any) -> None:
    """At TERM, first let nobody new in, then do as gunicorn does."""

    def stop(number: int, frame: object) -> None:
        if os.getpid() != arbiter.pid:
            os._exit(0)  # a fork that has no connections yet; gunicorn would not hear it
        listeners.refuse_connections(arbiter.LISTENERS)
        arbiter.signal(number, frame)

    signal.signal(signal.SIGTERM, stop)


def after_fork(_arbiter: Any, worker: Any) -> None:
    """Let the application drop what a fork must not share, such as database connections."""
    for function in getattr(worker.app.wsgi(), "extensions", {}).get("after_fork", []):
        function()


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Writes gunicorn's own lines as JSON, like the application's, to standard error."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLine())


class JsonLine(logging.Formatter):
    """Puts a record on one line, whatever a client sent that it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "process": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class BodyErrors:
    """WSGI middleware: a body that the client broke is its error, 400 or 408, not ours."""

    def __init__(self, app: "WSGIApplication") -> None:
        self.app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH")
        if length or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = Body(environ["wsgi.input"], int(length or 0))
        return self.app(environ, start_response)


class Body:
    """A request's body, whose errors are werkzeug's; to end before its announced length is one, too."""

    def __init__(self, stream: Any, length: int) -> None:
        self.stream = stream
        self.missing = length  # bytes

    def read(self, size: int = -1) -> bytes:
        with client_errors():
            data = bytes(self.stream.read(size))
        self.count(data, ended=size < 0 or len(data) < size)
        return data

    def readline(self, size: int = -1) -> bytes:
        with client_errors():
            line = bytes(self.stream.readline(size))
        self.count(line, ended=line[-1:] != b"\n" and (size < 0 or len(line) < size))
        return line

    def count(self, data: bytes, *, ended: bool) -> None:
        """Note that `data` came, and whether it is the last of the body."""
        self.missing -= len(data)
        if ended and self.missing > 0:
            raise BadRequest("the body of the request is cut off")

    def readlines(self, _hint: int = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


@contextmanager
def client_errors() -> Iterator[None]:
    """Turn what goes wrong while a client sends into an answer to it."""
    try:
        yield
    except TimeoutError as error:
        raise RequestTimeout from error
    except (ParseException, OSError) as error:
        raise BadRequest("the body of the request is broken") from error


def share_metrics() -> None:
    """Make prometheus_client count in a fresh folder that all workers share, gone when the master ends.

    It chooses between this and the memory of one process when a metric is made, so those that were made
    before, by the mere import of a service, have to be made again.
    """
    parent = os.environ.get("PROMETHEUS_MULTIPROC_DIR") or (MEMORY if os.access(MEMORY, os.W_OK) else None)
    folder = tempfile.mkdtemp(prefix="bookstore-metrics-", dir=parent)
    atexit.register(remove_metrics, folder, os.getpid())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    for metric in list(REGISTRY._collector_to_names):
        if isinstance(metric, MetricWrapperBase) and not metric._labelnames:
            metric._metric_init()  # one with labels does it at their first use


def remove_metrics(folder: str, owner: int) -> None:
    """Remove the folder, unless this is a fork of its owner."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def forget_metrics(_arbiter: Any, worker: Any) -> None:
    """Take a dead worker out of the gauges that count the living."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def serve_metrics(listener: socket.socket, _worker: Any) -> None:
    """Answer on the port of the metrics too, from a thread of each worker."""
    server = MetricsServer(listener)
    threading.Thread(target=server.serve_forever, args=(60,), name="metrics", daemon=True).start()


class MetricsServer(ThreadingHTTPServer):
    """Serves from a socket that it shares with the other workers."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(("", 0), MetricsPage, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        listener.setblocking(False)  # another worker may have been quicker


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
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        page = generate_latest(registry)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Write no line for a scrape."""
