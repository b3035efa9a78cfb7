"""The numbers for Prometheus, which `common.server` shows on a port of their own."""

import functools
import time

from flask import Flask, Response, g
from flask.globals import request_ctx
from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# What is asked when the page is read, by service: the worker that answers gives it for all of them.
at_scrape: dict[str, Collector] = {}

_requests = Counter(
    "http_requests_total", "Requests answered, by route template.", ["method", "route", "status"]
)
_durations = Histogram(
    "http_request_duration_seconds", "Time to answer a request.", ["method", "route"], buckets=SECONDS
)


def init_app(app: Flask) -> None:
    """Count every answer of `app`; call after `logs.init_app`, which notes when a request began."""
    app.after_request(count_request)


def count_request(response: Response) -> Response:
    """Count the answer under its route template, never under what the client wrote."""
    this = request_ctx.request  # looked up once: each use of a proxy costs as much
    route = this.url_rule.rule if this.url_rule else "unmatched"
    method = this.method if this.method in METHODS else "other"
    begin_at_zero(method, route)
    _requests.labels(method, route, response.status_code).inc()
    _durations.labels(method, route).observe(time.perf_counter() - g.started)
    return response


@functools.cache
def begin_at_zero(method: str, route: str) -> None:
    """Show that a route had no errors yet, or Prometheus sees no increase when the first are many."""
    for status in (500, 503):
        _requests.labels(method, route, status)
