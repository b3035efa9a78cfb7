"""Owns the order in which the shared parts of a service are put together."""

from typing import Any

from flask import Flask
from flask.sessions import NullSession, SessionInterface

from common.client_address import ClientAddress
from common.ops import logs, metrics
from common.settings import Settings
from common.web import docs, headers, openapi, paths, problems
from common.web import guard as auth
from common.web.body_errors import BodyErrors
from common.web.routes import ApiBlueprint

VERSION = "1.0.0"


class NoSession(SessionInterface):
    """There are no cookies, so there is no session to open and to look for in every request."""

    _session = NullSession()

    def open_session(self, *_: Any) -> NullSession:
        return self._session

    def save_session(self, *_: Any) -> None:
        return


def start(app: Flask, settings: Settings) -> None:
    """Prepare everything that stands around the routes; the first hook registered sees a request first."""
    app.config["TITLE"] = settings.title
    app.extensions["settings"] = settings
    app.session_interface = NoSession()
    # Nothing here is asynchronous: Flask would look for it at every function of every request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign] # cheaper than a subclass
    if settings.trusted_proxies:
        client_address = ClientAddress(app.wsgi_app, settings.trusted_proxies)
        app.wsgi_app = client_address  # type: ignore[method-assign] # the way Flask documents
    # What runs after a request runs in the opposite order: the log line is written last.
    logs.init_app(app)
    paths.init_app(app)
    metrics.init_app(app)
    headers.init_app(app, settings)
    auth.init_app(app, settings)


def finish(app: Flask, *, blueprints: list[ApiBlueprint]) -> None:
    """Register the routes and what must know them all."""
    openapi.init_app(app, version=VERSION, blueprints=blueprints)
    app.register_blueprint(docs.blueprint)
    problems.init_app(app)
    app.wsgi_app = BodyErrors(app.wsgi_app)  # type: ignore[method-assign] # the way Flask documents
