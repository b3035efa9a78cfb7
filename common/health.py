"""The open routes that say what a service is and how it is: `/`, `/healthz`, `/readyz`."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from flask import Flask, Response, current_app, g, request
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from common.db.connections import SchemaNotCurrent, check_schema
from common.db.engine import Database
from common.web.guard import verifier
from common.web.pages import page, prefers_page
from common.web.routes import ApiBlueprint, json_response

DATABASE_TIMEOUT = 1.5  # seconds, so that the whole answer takes less than 2

State = Literal["ok", "degraded", "failing"]
STATES: list[State] = ["ok", "degraded", "failing"]  # the worst is the last
Check = Callable[[], State | float]  # a number is in seconds


@dataclass(slots=True)
class ServiceInfo:
    """What the service is and where its documents are."""

    service: str
    openapi: str
    docs: str
    health: str
    readiness: str


@dataclass(slots=True)
class Health:
    """The process lives."""

    status: Literal["ok"] = "ok"


@dataclass(slots=True)
class Readiness:
    """How the service is, and each thing it depends on."""

    status: State
    checks: dict[str, State | float]  # a number is in seconds


LINKS = ("/openapi.json", "/docs", "/healthz", "/readyz")

# One thread: a database that hangs must not collect them.
_database_checks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readiness")


def init_app(app: Flask, db: Database, *, checks: Mapping[str, Check] | None = None) -> None:
    """Let `/readyz` of `app` report the database, the keys, and what `checks` return."""
    app.extensions["readiness"] = partial(find_readiness, db, checks or {})


def make_blueprint(service: str, **checks: State | float) -> ApiBlueprint:
    """Return the routes of a service; `checks` are examples of what it checks besides database and keys."""
    ready = Readiness("ok", {"database": "ok", "schema": "ok", "keys": "ok", **checks})
    not_ready = Readiness("failing", ready.checks | {"schema": "failing"})
    blueprint = ApiBlueprint("service", description="What the service is and how it is")
    blueprint.operation("GET /", responses={200: ServiceInfo(service, *LINKS)})(show_service)
    blueprint.operation("GET /healthz", responses={200: Health()})(show_health)
    blueprint.operation("GET /readyz", responses={200: ready, 503: not_ready})(show_readiness)
    return blueprint


def show_service() -> Response:
    """Name the service and link its documents.

    A browser (`Accept: text/html`) gets a page, which also shows the readiness.
    """
    if prefers_page():
        response = page("home.html", readiness=current_app.extensions["readiness"]())
    else:
        paths = (request.root_path + path for path in LINKS)
        response = json_response(ServiceInfo(current_app.name, *paths))
    response.vary.add("Accept")
    return response


def show_health() -> Response:
    """Say that the process lives, without a look at anything else."""
    g.is_routine = True
    return json_response(Health())


def show_readiness() -> Response:
    """Say whether the service can serve: the database answers, its schema is current, the keys are loaded."""
    readiness: Readiness = current_app.extensions["readiness"]()
    g.is_routine = True
    if readiness.status == "failing":
        return json_response(readiness, 503, {"Retry-After": "1"})
    return json_response(readiness)


def find_readiness(db: Database, checks: Mapping[str, Check]) -> Readiness:
    """Return what the service depends on: as ready as the worst of it."""
    # With a broken file, the keys before it are still in use.
    keys: State = "degraded" if verifier().keys.complaint else "ok"
    found = check_database(db) | {"keys": keys} | {name: check() for name, check in checks.items()}
    return Readiness(max((state for state in found.values() if state in STATES), key=STATES.index), found)


def check_database(db: Database) -> dict[str, State | float]:
    """Return whether the database answers in time, and has the schema of this version."""
    check = _database_checks.submit(_ask_database, db.read(), current_app.extensions["schema_head"])
    try:
        check.result(timeout=DATABASE_TIMEOUT)
    except SchemaNotCurrent:
        return {"database": "ok", "schema": "failing"}
    except (TimeoutError, SQLAlchemyError):
        check.cancel()
        return {"database": "failing", "schema": "failing"}
    return {"database": "ok", "schema": "ok"}


def _ask_database(lent: AbstractContextManager[Connection], head: str) -> None:
    with lent as connection:
        check_schema(connection, head)
