"""Log lines on standard output, one a request and one a security event: JSON, or short ones on a terminal.

Never a password, token, hash, key or query string; what a client sends is escaped, so it cannot break a line.
"""

import json
import logging
import os
import re
import time
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from random import getrandbits
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, has_app_context, has_request_context, request
from flask.globals import app_ctx, request_ctx
from structlog.typing import EventDict, WrappedLogger

from common.ops.console import console_renderer
from common.settings import STDOUT, Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9._=|:;+/@-]{1,128}")
MAX_TEXT = 200  # characters of what a client sent that a line shows

# JSON escapes control characters and what is not ASCII.
# One encoder for all lines: json.dumps would make one for each.
encode = json.JSONEncoder(default=str, separators=(",", ":")).encode

LEVELS = ("debug", "info", "warning", "error")
Render = Callable[[Mapping[str, Any]], str]


class StandardOutput:
    """Writes a line in one system call, so that lines of several threads and workers do not mix."""

    def msg(self, line: str) -> None:
        # A full disk or a reader that went away must not turn an answered request into an error.
        with suppress(OSError):
            os.write(STDOUT, line.encode() + b"\n")

    debug = info = warning = error = critical = msg


class StructlogHandler(logging.Handler):
    """Passes on what libraries log, so that there is one kind of lines."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage(), process=record.process, exc_info=record.exc_info)


def init_app(app: Flask, settings: Settings) -> None:
    """Give every request an id and log its answer; call before anything else that may refuse a request."""
    is_console = settings.log_format == "console"
    render = console_renderer(colors=not settings.no_color) if is_console else encode
    configure(render, settings.log_level, service=app.name)
    shown = LEVELS[LEVELS.index(settings.log_level) :]
    app.before_request(begin_request)
    app.after_request(partial(log_request, render, shown))


def configure(render: Render, level: str, *, service: str) -> None:
    """Write structlog's events from a level on, and warnings and errors of libraries."""
    logging.basicConfig(handlers=[StructlogHandler()], level=logging.WARNING)  # or keep the handler there is
    logging.captureWarnings(True)
    logging.getLogger("werkzeug").addFilter(is_news)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            partial(add_context, service),
            structlog.processors.format_exc_info,
            lambda _, __, event: render(event),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: StandardOutput(),
        cache_logger_on_first_use=True,
    )


def is_news(record: logging.LogRecord) -> bool:
    """Tell whether a line of flask's debug server says what ours do not."""
    return record.levelno > logging.INFO or "Detected change" in record.getMessage()


def add_context(service: str, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Say which service and request an event belongs to, and whose it was where a token said so."""
    event["service"] = current_app.name if has_app_context() else service
    if has_request_context():
        event["request_id"] = g.get("request_id")
        event["client"] = request.remote_addr
        identity = g.get("identity")
        if identity is not None:
            event["public_id"] = identity.public_id
    return event


def begin_request() -> None:
    """Note when the request began, and its id: the client's own if it is well formed, else a random one."""
    now, sent = app_ctx.g, request.environ.get("HTTP_X_REQUEST_ID", "")
    now.started = time.perf_counter()
    now.request_id = sent if REQUEST_ID.fullmatch(sent) else f"{getrandbits(128):032x}"  # it is no secret


def log_request(render: Render, shown: Container[str], response: Response) -> Response:
    """Answer with the request's id and write its line, which is made here: there is one for every request.

    What programs ask all day (`g.is_routine`) is logged at debug level, if it went well.
    """
    now, this = app_ctx.g, request_ctx.request  # looked up once: each use of a proxy costs as much
    response.headers.add("X-Request-ID", now.request_id)
    level = "debug" if now.get("is_routine") and response.status_code < 400 else "info"
    if level not in shown:
        return response
    identity = now.get("identity")
    line = {
        "event": "request",
        "level": level,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",  # as structlog writes it
        "service": current_app.name,
        "request_id": now.request_id,
        "client": this.remote_addr,
        "public_id": identity.public_id if identity else None,
        "method": this.method[:MAX_TEXT],
        "path": this.path[:MAX_TEXT],
        "route": this.url_rule.rule if this.url_rule else None,
        "status": response.status_code,
        "milliseconds": round((time.perf_counter() - now.started) * 1000, 2),
    }
    StandardOutput().msg(render(line))
    return response
