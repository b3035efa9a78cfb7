"""Owns how a service is served: gunicorn's settings, its hooks and its log lines."""

import functools
import gc
import os
import resource
import signal
import time
from typing import Any

from gunicorn import glogging
from gunicorn.http import wsgi

from common.listeners import open_listeners, refuse_connections, take_slot
from common.logs import JsonLine
from common.metrics_folder import MEMORY
from common.metrics_server import forget_metrics, serve_metrics
from common.response import Response
from common.settings import Settings
from common.worker import Worker

CONNECTIONS = 1000  # a worker
GRACE = 25  # seconds for a worker to stop
KEEPALIVE = 75  # seconds that a connection may be idle: longer than the 60 of common load balancers
HANDSHAKE = 0.2  # seconds for connections that are being opened when a stop begins to end up in the queue
SILENCE = 30  # seconds without a sign of life after which the master kills a worker


@functools.cache  # gunicorn reads its settings again at every HUP, and must find the same sockets
def gunicorn_settings(settings: Settings) -> dict[str, Any]:
    """Open the ports of a service, or raise `Misconfigured`; return gunicorn's settings for it."""
    prefix = settings.service.upper()
    sockets = open_listeners(settings.host, settings.port, settings.workers, prefix=f"{prefix}_")
    (metrics,) = open_listeners(settings.metrics_host, settings.metrics_port, 1, prefix=f"{prefix}_METRICS_")
    allow_open_files(CONNECTIONS + 1024)
    wsgi.SERVER = "bookstore"  # gunicorn has no setting for the Server header
    wsgi.Response = Response  # nor for the class of its responses
    return {
        # gunicorn closes the numbers that it is given; ours stay open, so that no queue is ever lost.
        "bind": [f"fd://{os.dup(listener.fileno())}" for listener in sockets],
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": Worker,
        "worker_connections": max(CONNECTIONS, 2 * settings.threads),
        "worker_tmp_dir": str(MEMORY) if os.access(MEMORY, os.W_OK) else None,
        "preload_app": True,
        "keepalive": KEEPALIVE,
        "graceful_timeout": GRACE,
        "timeout": SILENCE,
        "limit_request_line": 8190,  # bytes
        "limit_request_fields": 100,
        "limit_request_field_size": 8190,  # bytes
        "forwarded_allow_ips": "",  # no peer may say where a request came from: TRUSTED_PROXIES does that
        "forwarder_headers": "",
        "control_socket_disable": True,
        "accesslog": None,  # the application logs its requests
        "loglevel": "warning",
        "logger_class": Logger,
        "when_ready": before_forks,
        "pre_fork": take_slot,
        "post_fork": after_fork,
        "post_worker_init": functools.partial(serve_metrics, metrics),
        "child_exit": forget_metrics,
    }


def allow_open_files(count: int) -> None:
    """Raise the soft limit, often 1024, towards `count`: a worker without file numbers gives up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        count = min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def before_forks(arbiter: Any) -> None:
    """Leave what was loaded out of every later search for garbage, so that the workers go on sharing it."""
    gc.collect()
    gc.freeze()
    gc.enable()  # the configuration turned it off
    stop_gently(arbiter)


def stop_gently(arbiter: Any) -> None:
    """At TERM, first let nobody new in, then do as gunicorn does."""

    def stop(number: int, frame: object) -> None:
        if os.getpid() != arbiter.pid:
            os._exit(0)  # a fork that has no connections yet; gunicorn would not hear it
        refuse_connections(arbiter.LISTENERS)
        time.sleep(HANDSHAKE)
        arbiter.signal(number, frame)

    signal.signal(signal.SIGTERM, stop)


def after_fork(_arbiter: Any, worker: Any) -> None:
    """Let the application drop what a fork must not share, such as database connections."""
    for function in getattr(worker.app.wsgi(), "extensions", {}).get("after_fork", []):
        function()
    settle(worker.cfg)


def settle(cfg: Any) -> None:
    """Make gunicorn's settings plain attributes: it looks two dozen of them up at each request."""
    vars(cfg).update({name: setting.get() for name, setting in cfg.settings.items()})


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Writes gunicorn's own lines as JSON, like the application's, to standard error."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLine())
