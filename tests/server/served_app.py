"""A small application, served as the services are: what the tests of the server ask."""

import os
import time

from flask import Flask, abort, request
from prometheus_client import Counter, Gauge

from common.arrival import MAX_BODY
from common.body_errors import BodyErrors

answers = Counter("answers_total", "Answers given.", ["path"])
answers_in_all = Counter("answers_in_all_total", "Answers given, whatever the path.")
living = Gauge("workers_living", "Workers that live.", multiprocess_mode="livesum")
forks: list[int] = []


def after_fork() -> None:
    """Note the process; or fail, if the test wants a worker that cannot boot."""
    if os.environ.get("TEST_BOOT") == "fails":
        raise RuntimeError("this worker cannot boot")
    forks.append(os.getpid())
    living.set(1)


app = Flask(__name__)
app.wsgi_app = BodyErrors(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way to add middleware
app.extensions["after_fork"] = [after_fork]


@app.route("/")
def index() -> dict[str, object]:
    """Say who answers."""
    answers.labels("/").inc()
    answers_in_all.inc()
    return {
        "process": os.getpid(),
        "forks": forks,
        "scheme": request.scheme,
        "root": request.script_root,
        "metrics": os.environ["PROMETHEUS_MULTIPROC_DIR"],
    }


@app.post("/read")
def read() -> str:
    """Say how long the body was, if it was not too long."""
    body = request.environ["wsgi.input"].read(MAX_BODY + 1)
    return str(len(body)) if len(body) <= MAX_BODY else abort(413)


@app.post("/import")
def read_any() -> str:
    """Say how long the body was, however long."""
    return str(len(request.get_data()))


@app.route("/bad-header")
def bad_header() -> tuple[str, dict[str, str]]:
    """Answer with a header that cannot be sent."""
    return "", {"X-Bad": "\x01"}


@app.route("/wait")
def wait() -> str:
    """Take a while, in a thread."""
    time.sleep(1)
    return "waited"
