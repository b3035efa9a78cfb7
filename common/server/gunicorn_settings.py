"""gunicorn's settings that both services share; each `gunicorn_conf.py` adds its own."""

import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import product
from types import FrameType
from typing import Any

import gunicorn

from common.ops.logs import StructlogHandler
from common.ops.stop_signal import watch_for_stop
from common.server.addresses import check_address, metrics_listener
from common.server.metrics_folder import MEMORY
from common.server.metrics_page import serve_metrics
from common.settings import Settings

ONE_VALUE = "IDEMPOTENCY-KEY"  # a header that may be there once, in gunicorn's spelling

HANDSHAKE = 0.2  # seconds for connections that are being opened when a stop begins to end up in the queue
ALL_HOPS = 255  # a packet is sent with 64 or 128 by nearly everybody
# Linux's numbers of IP_MINTTL and IPV6_MINHOPCOUNT; an IPv6 socket may take IPv4, too.
OPTIONS = ((socket.IPPROTO_IP, 21), (socket.IPPROTO_IPV6, 73))

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
    _drain_before_stop(server.LISTENERS)


def _drain_before_stop(listeners: Sequence[socket.socket]) -> None:
    """At TERM, refuse new connections before the handler that is set now is called; in the main thread.

    Closing a listening socket resets the connections queued in it. So the listeners first demand the largest
    TTL there is (RFC 5082), which no packet of an ordinary client has: its sender tries again a second later,
    and then is refused or finds the next server. What is queued by then is answered. A packet filter would
    do the same, but newer kernels want CAP_NET_ADMIN for one.
    """
    process, handler = os.getpid(), signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:
            os._exit(0)  # a fork that has no handler of its own yet, and no connections
        signal.signal(signal.SIGTERM, handler)  # a second TERM may come when the listeners are closed
        for listener, option in product(listeners, OPTIONS if sys.platform == "linux" else ()):
            with suppress(OSError):  # of the other family, or in a sandbox: a stop resets a few at worst
                listener.setsockopt(*option, ALL_HOPS)
        time.sleep(HANDSHAKE)
        if callable(handler):  # as that of every server is
            handler(number, frame)

    signal.signal(signal.SIGTERM, stop)


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
