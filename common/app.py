"""The Flask class of both services, and the order in which their common parts are put together."""

import ctypes
from collections.abc import Sequence
from importlib import import_module

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from common.ops import logs, metrics
from common.proxies import TrustedProxies
from common.server.body_errors import BodyErrors
from common.settings import Settings
from common.web import guard, headers, openapi, pages, problems
from common.web.routes import ApiBlueprint

VERSION = "1.0.0"
M_ARENA_MAX = -8  # of glibc's malloc.h


class Service(Flask):
    """Flask that looks at no `Host` and redirects nobody; werkzeug would, from a target without a slash."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the route of `request`, whatever its `Host`."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "", "/", "", request.scheme, request.path, request.method)


def add_common_parts(app: Flask, settings: Settings) -> None:
    """Prepare what stands around the routes; the first hook registered sees a request first."""
    share_one_arena()
    app.config["TITLE"] = f"Bookstore {settings.service} service"
    app.config["SUMMARY"] = import_module(app.import_name).__doc__
    app.extensions["settings"] = settings
    if settings.trusted_proxies or settings.url_prefix:
        proxies = TrustedProxies(app.wsgi_app, settings.trusted_proxies, settings.url_prefix)
        app.wsgi_app = proxies  # type: ignore[method-assign] # the way Flask documents
    # What runs after a request runs in the opposite order: the log line is written last.
    logs.init_app(app, settings)
    metrics.init_app(app)
    headers.init_app(app, settings)
    guard.init_app(app, settings)


def share_one_arena() -> None:
    """Let the threads of this process share one arena of glibc's malloc, if it runs on glibc.

    Else each thread would keep what it has freed: 19 MiB of its last hash, or 60 of an imported file.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, 1)


def add_routes(app: Flask, *, blueprints: Sequence[ApiBlueprint]) -> None:
    """Register the routes and what must know them all."""
    openapi.init_app(app, version=VERSION, blueprints=blueprints)
    app.register_blueprint(pages.blueprint)
    problems.init_app(app)
    app.wsgi_app = BodyErrors(app.wsgi_app)  # type: ignore[method-assign] # the way Flask documents
