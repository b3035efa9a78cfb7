"""gunicorn's settings that both services share; each `gunicorn_conf.py` adds its own."""

import gc
import logging
import os
from collections.abc import Callable
from typing import Any

import gunicorn

from common.ops.logs import StructlogHandler
from common.ops.stop_signal import watch_for_stop
from common.server.addresses import check_address, metrics_listener
from common.server.drain import drain_before_stop
from common.server.metrics_folder import MEMORY
from common.server.metrics_page import serve_metrics
from common.settings import Settings

ONE_VALUE = "IDEMPOTENCY-KEY"  # a header that may be there once, in gunicorn's spelling

gunicorn.SERVER = "bookstore"  # there is no setting for the `Server` header, which must not name software

# Workers
worker_class = "gthread"
worker_connections = 900  # below the 1024 files that a process may commonly have open
worker_tmp_dir = str(MEMORY) if os.access(MEMORY, os.W_OK) else None  # a sign of life waits for no disk
preload_app = True
timeout = 30  # seconds without a sign of life after which a worker is killed
graceful_timeout = 25  # seconds for a worker to stop
keepalive = 75  # seconds that a connection may be idle: longer than the 60 of common load balancers

# Limits of a request
limit_request_line = 8190  # bytes
limit_request_fields = 100
limit_request_field_size = 8190  # bytes

# Trust: no peer may say where a request came from; TRUSTED_PROXIES does that, in the application.
forwarded_allow_ips = ""
forwarder_headers = ""
control_socket_disable = True

# Logs: the application writes the line of a request.
accesslog = None
loglevel = "error"  # a warning repeats what was no request, which can hold a secret


def on_starting(_server: Any) -> None:
    """Write gunicorn's own lines like the application's.

    `logconfig_dict` could say so, but has gunicorn prepare an access line for each request.
    """
    errors = logging.getLogger("gunicorn.error")
    for handler in [*errors.handlers]:
        errors.removeHandler(handler)
    errors.addHandler(StructlogHandler())


on_reload = on_starting


def when_ready(server: Any) -> None:
    """Prepare the workers, which are forks of this process, and the stop."""
    gc.freeze()  # a search for garbage writes to what it looks at, which workers then share no longer
    drain_before_stop(server.LISTENERS)


def pre_request(_worker: Any, request: Any) -> None:
    """Keep two lines of a header that has one value apart from one value with a comma in it.

    gunicorn joins lines by ",", which a key may hold; it may hold no space.
    """
    if [name for name, _ in request.headers].count(ONE_VALUE) > 1:
        request.headers.append((ONE_VALUE, " "))


def listen(settings: Settings) -> tuple[str, int, int, Callable[[Any], None]]:
    """Return `bind`, `workers`, `threads` and `post_worker_init` of a service, whose ports are free."""
    check_address(settings)
    metrics = metrics_listener(settings)

    def start_worker(_worker: Any) -> None:
        watch_for_stop()
        serve_metrics(metrics)

    return settings.address, settings.workers, settings.threads, start_worker
