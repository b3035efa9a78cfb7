"""Owns the open routes that say what a service is and how it is: `/`, `/healthz`, `/readyz`."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from flask import Flask, Response, current_app
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from common.db.connections import SCHEMA_VERSION, SchemaNotCurrent
from common.db.engine import Database
from common.web.guard import verifier
from common.web.responses import json_response
from common.web.routes import ApiBlueprint

CHECK_WAIT = 1.5  # seconds, so that the whole answer takes less than 2

State = Literal["ok", "degraded", "failing"]
Check = Callable[[], State]
Figure = Callable[[], float]


@dataclass(slots=True)
class Service:
    """What the service is and where its documents are."""

    service: str
    openapi: str = "/openapi.json"
    docs: str = "/docs"
    health: str = "/healthz"
    readiness: str = "/readyz"


@dataclass(slots=True)
class Health:
    """The process lives."""

    status: Literal["ok"] = "ok"


@dataclass(slots=True)
class Readiness:
    """How the service is, and each thing it depends on."""

    status: State
    checks: dict[str, State | float]  # a number is in seconds


READY = Readiness("ok", {"database": "ok", "schema": "ok", "keys": "ok"})
NOT_READY = Readiness("failing", {"database": "ok", "schema": "failing", "keys": "ok"})

blueprint = ApiBlueprint("service", __name__, description="What the service is and how it is")

# One look at the database at a time: a database that hangs must not collect threads.
_looks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readiness")


def init_app(
    app: Flask,
    db: Database,
    *,
    checks: Mapping[str, Check] | None = None,
    figures: Mapping[str, Figure] | None = None,
) -> None:
    """Let `/readyz` of `app` look at `db`, and ask `checks` and `figures`, which ask nobody else."""
    app.extensions["readiness_database"] = db
    app.extensions["readiness_checks"] = checks or {}
    app.extensions["readiness_figures"] = figures or {}


@blueprint.operation("GET /", responses={200: Service("books_service")})
def show_service() -> Response:
    """Name the service and link its documents."""
    return json_response(Service(current_app.name))


@blueprint.operation("GET /healthz", responses={200: Health()})
def show_health() -> Response:
    """Say that the process lives; asks nobody."""
    return json_response(Health())


@blueprint.operation("GET /readyz", responses={200: READY, 503: NOT_READY})
def show_readiness() -> Response:
    """Say whether the service can serve: the database answers, its schema is current, the keys are loaded."""
    others: Mapping[str, Check] = current_app.extensions["readiness_checks"]
    figures: Mapping[str, Figure] = current_app.extensions["readiness_figures"]
    checks = {**_database_checks(), "keys": _keys_check()} | {name: check() for name, check in others.items()}
    worst: State = max(checks.values(), key=["ok", "degraded", "failing"].index)
    readiness = Readiness(worst, checks | {name: round(figure(), 1) for name, figure in figures.items()})
    if worst == "failing":
        return json_response(readiness, 503, {"Retry-After": "1"})
    return json_response(readiness)


def _keys_check() -> State:
    return "degraded" if verifier().keys.complaint else "ok"


def _database_checks() -> dict[str, State]:
    db: Database = current_app.extensions["readiness_database"]
    look = _looks.submit(_look, db.read(), current_app.extensions["schema_head"])
    try:
        return look.result(timeout=CHECK_WAIT)
    except NotInTime:
        look.cancel()
        return {"database": "failing", "schema": "failing"}


def _look(lent: AbstractContextManager[Connection], head: str) -> dict[str, State]:
    try:
        with lent as connection:
            current = connection.exec_driver_sql(SCHEMA_VERSION).scalar()
    except SchemaNotCurrent:
        return {"database": "ok", "schema": "failing"}
    except SQLAlchemyError:
        return {"database": "failing", "schema": "failing"}
    return {"database": "ok", "schema": "ok" if current == head else "failing"}
