"""A small application, and how gunicorn is to serve it: what test_server.py runs."""

import os
import time

from flask import Flask, abort, request
from prometheus_client import Counter

from auth_service.settings import AuthSettings
from common import listeners
from common.server import BodyErrors, gunicorn_settings

# Made before the settings, as the services' own metrics are.
answers = Counter("answers_total", "Answers given.", ["path"])
answers_in_all = Counter("answers_in_all_total", "Answers given, whatever the path.")
forks: list[int] = []

# The clocks that a test may not wait for.
listeners.REQUEST_TIME = float(os.environ.get("TEST_REQUEST_TIME", listeners.REQUEST_TIME))
listeners.STALL_TIME = int(os.environ.get("TEST_STALL_TIME", listeners.STALL_TIME))

globals().update(gunicorn_settings(AuthSettings.read()))


def after_fork() -> None:
    """Note the process; or fail, if the test wants a worker that cannot boot."""
    if os.environ.get("TEST_BOOT") == "fails":
        raise RuntimeError("this worker cannot boot")
    forks.append(os.getpid())


app = Flask(__name__)
app.wsgi_app = BodyErrors(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way to add middleware
app.extensions["after_fork"] = [after_fork]


@app.route("/")
def index() -> dict[str, object]:
    """Say who answers."""
    answers.labels("/").inc()
    answers_in_all.inc()
    return {"process": os.getpid(), "forks": forks, "scheme": request.scheme, "root": request.script_root}


@app.post("/read")
def read() -> str:
    """Say how long the body was, if it was not too long."""
    body = request.environ["wsgi.input"].read(listeners.MAX_BODY + 1)
    return str(len(body)) if len(body) <= listeners.MAX_BODY else abort(413)


@app.post("/import")
def read_any() -> str:
    """Say how long the body was, however long."""
    return str(len(request.get_data()))


@app.route("/wait")
def wait() -> str:
    """Take a while, in a thread."""
    time.sleep(1)
    return "waited"
