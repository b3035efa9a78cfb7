"""A small application, served as the services are: what the tests of the server ask."""

import os
import time
from functools import partial
from typing import Any

from flask import Flask, abort, request
from prometheus_client import Counter, Gauge

from common.settings import Environment, Settings, common_settings
from common.web.body_errors import BodyErrors
from common.web.parsing import MAX_BODY

answers = Counter("answers_total", "Answers given.", ["path"])
answers_in_all = Counter("answers_in_all_total", "Answers given, whatever the path.")
living = Gauge("workers_living", "Workers that answered and live.", multiprocess_mode="livesum")
waiting = Gauge("waiting", "Requests that wait.", multiprocess_mode="livesum")


def read_settings() -> Settings:
    members: dict[str, Any] = common_settings(Environment(), "auth", port=5001, metrics_port=9101)
    return Settings(**members)


def create_app() -> Flask:
    """Make the application, as a service is made."""
    app = Flask(__name__)
    app.wsgi_app = BodyErrors(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way to add middleware
    app.extensions["settings"] = read_settings()
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/read", view_func=read, methods=["POST"])
    app.add_url_rule("/import", view_func=read_any, methods=["POST"])
    app.add_url_rule("/bad-header", view_func=bad_header)
    app.add_url_rule("/wait", view_func=wait)
    return app


def index() -> dict[str, object]:
    """Say who answers."""
    answers.labels("/").inc()
    answers_in_all.inc()
    living.set(1)
    return {
        "process": os.getpid(),
        "scheme": request.scheme,
        "root": request.script_root,
        "headers": dict(request.headers),
        "metrics": os.environ["PROMETHEUS_MULTIPROC_DIR"],
    }


def read() -> str:
    """Say how long the body was, if it was not too long."""
    body = request.environ["wsgi.input"].read(MAX_BODY + 1)
    return str(len(body)) if len(body) <= MAX_BODY else abort(413)


def read_any() -> str:
    """Say how long the body was, however long."""
    pieces = iter(partial(request.environ["wsgi.input"].read, 65_536), b"")
    return str(sum(map(len, pieces)))


def bad_header() -> tuple[str, dict[str, str]]:
    """Answer with a header that cannot be sent."""
    return "", {"X-Bad": "\x01"}


def wait() -> str:
    """Take a while, in a thread."""
    with waiting.track_inprogress():
        time.sleep(1)
    return "waited"
