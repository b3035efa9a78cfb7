"""Owns the limits of the routes: passwords are compared within them, and what a client reads past them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from flask import Flask, Response, current_app, g, request
from prometheus_client import Counter
from sqlalchemy import Connection

from auth_service import audit
from auth_service.models import db
from auth_service.throttle import admission as throttle
from auth_service.throttle import registrations
from auth_service.throttle.admission import Attempt
from auth_service.throttle.limits import TooMany, network_of
from auth_service.users.accounts import Checked, check_password
from common.web.problems import Refusal, answer

_refusals = Counter(
    "limit_refusals_total", "Requests refused with 429, by the limit that was reached.", ["limit"]
)

log = structlog.get_logger()


def init_app(app: Flask) -> None:
    """Answer `TooMany` wherever a route raises it."""
    app.register_error_handler(TooMany, answer_too_many)


def answer_too_many(error: TooMany) -> Response:
    """Answer 429, with the seconds until the next try is worth while."""
    _refusals.labels(error.limit).inc()
    log.warning("too_many", limit=error.limit, retry_after=error.retry_after)
    return answer(Refusal(429, error.message, headers={"Retry-After": str(error.retry_after)}))


def client_network() -> str:
    """Return the network that the request came from."""
    return network_of(request.remote_addr or "")


@contextmanager
def checked(
    name: str, password: str, *, failure: str = audit.LOGIN_FAILED
) -> Iterator[tuple[Checked, Attempt]]:
    """Compare a password, if the limits let it, and give what came of it to the block.

    A wrong one is counted, with an entry `failure` in the audit log. Of a right one the block says that the
    attempt succeeded, in the transaction of what it was for; if it says nothing the try counts as none.
    """
    hasher = current_app.extensions["hasher"]
    with throttle.attempt(name, client_network(), now=datetime.now(UTC)) as attempt:
        user = check_password(hasher, name, password)
        if user.refusal:
            _record_failure(attempt, user, failure)
        yield user, attempt


def _record_failure(attempt: Attempt, user: Checked, event: str) -> None:
    now, identity = datetime.now(UTC), g.get("identity")
    with db.write() as connection:
        attempt.failed(connection, now=now)
        audit.record(
            connection,
            event,
            now=now,
            public_id=user.public_id,
            ip=request.remote_addr,
            session_id=identity.session_id if identity else None,
            detail=user.refusal,
        )


def check_registrations() -> None:
    """Refuse at once what the limit of registrations would refuse in the end."""
    registrations.check(client_network(), limit=_registrations(), now=datetime.now(UTC))


def admit_registration(connection: Connection, *, now: datetime) -> None:
    """Count a registration in its transaction, or refuse it."""
    registrations.admit(connection, client_network(), limit=_registrations(), now=now)


def _registrations() -> int:
    limit: int = current_app.extensions["settings"].registrations_per_hour
    return limit
