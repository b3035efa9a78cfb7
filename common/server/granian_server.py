"""Granian in the place of gunicorn: the same application, metrics, log lines and answers.

What it cannot do, nginx in front of it does (docs/design.md): it takes a chunked body that was cut off for a
whole one, joins headers whose names differ by `-` and `_`, and gives a thread to a body that is still coming.
"""

import functools
import gc
from collections.abc import Iterable
from importlib import import_module
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from common.ops.stop_signal import watch_for_stop
from common.server.addresses import check_address, metrics_listener
from common.server.metrics_page import serve_metrics
from common.settings import Settings, forget_variables_like_headers

HTTP = HTTP1Settings(
    header_read_timeout=75_000,  # milliseconds, between two requests too: longer than common load balancers'
    max_buffer_size=64 * 1024,  # bytes of a head
)
LINES = {"class": "common.ops.logs.StructlogHandler"}
LOGS: dict[str, Any] = {"handlers": {"console": LINES, "access": LINES}}


def serve(service: str) -> None:
    """Serve a service until the process gets a signal to stop."""
    forget_variables_like_headers()
    app = make_application(service)  # here, so that a refusal is one line
    settings: Settings = app.extensions["settings"]
    address = check_address(settings)
    serve_metrics(metrics_listener(settings))
    gc.freeze()  # a search for garbage writes to what it looks at, which workers then share no longer
    Granian(
        service,
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP,
        websockets=False,
        workers=settings.workers,
        blocking_threads=settings.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=25,  # seconds to stop
        log_level=LogLevels.error,
        log_dictconfig=LOGS,
    ).serve(target_loader=load_worker)


@functools.cache
def make_application(service: str) -> Flask:
    """Make the application: once, if the workers are forks."""
    app: Flask = import_module(service).create_app()
    return app


def load_worker(service: str) -> WSGIApplication:
    """Return what Granian calls in a worker."""
    app = make_application(service)
    watch_for_stop()
    return functools.partial(call_application, app.wsgi_app)


def call_application(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer in the name of no software; admit that it is unknown where a body without a length ends."""
    environ["wsgi.input_terminated"] = False

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, [*headers, ("Server", "bookstore")], exc_info)

    return app(environ, start)
