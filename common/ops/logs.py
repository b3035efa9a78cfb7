"""Log lines: JSON on standard output, one a request and one a security event.

Never a password, token, hash, key or query string; what a client sends is escaped, so it cannot break a line.
"""

import json
import logging
import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from random import getrandbits

import structlog
from flask import Flask, Response, current_app, g, has_app_context, has_request_context, request
from flask.globals import app_ctx, request_ctx
from structlog.typing import EventDict, WrappedLogger

REQUEST_ID = re.compile(r"[A-Za-z0-9._=|:;+/@-]{1,128}")
STDOUT = 1  # the file descriptor
MAX_TEXT = 200  # characters of what a client sent that a line shows

# JSON escapes control characters and what is not ASCII.
# One encoder for all lines: json.dumps would make one for each.
encode = json.JSONEncoder(default=str, separators=(",", ":")).encode


class StandardOutput:
    """Writes a line in one system call, so that lines of several threads and workers do not mix."""

    def msg(self, line: str) -> None:
        # A full disk or a reader that went away must not turn an answered request into an error.
        with suppress(OSError):
            os.write(STDOUT, line.encode() + b"\n")

    debug = info = warning = error = critical = msg


def init_app(app: Flask) -> None:
    """Give every request an id and log its answer; call before anything else that may refuse a request."""
    configure()
    app.before_request(begin_request)
    app.after_request(log_request)


class JsonLine(logging.Formatter):
    """Puts a record of the standard library's logging on one JSON line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "process": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return encode(line)


def configure() -> None:
    """Write structlog's events, and what libraries log, as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)  # does nothing where there is a handler
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            add_context,
            structlog.processors.format_exc_info,
            lambda _, __, event: encode(event),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=lambda *_: StandardOutput(),
        cache_logger_on_first_use=True,
    )


def add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Say which service and request an event belongs to, and whose it was where a token said so."""
    if has_app_context():
        event["service"] = current_app.name
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


def log_request(response: Response) -> Response:
    """Answer with the request's id and write its line, which is made here: there is one for every request."""
    now, this = app_ctx.g, request_ctx.request  # looked up once: each use of a proxy costs as much
    response.headers.add("X-Request-ID", now.request_id)
    identity = now.get("identity")
    line = {
        "event": "request",
        "level": "info",
        "time": datetime.now(UTC).isoformat(),
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
    StandardOutput().msg(encode(line))
    return response
