"""What stands in front of the routes of auth: the checks of session, role, name and password."""

import base64
import binascii
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Never

import structlog
from flask import current_app, g, request

from auth_service import audit, security_log
from auth_service.models import db
from auth_service.sessions.lifecycle import find_live_user
from auth_service.throttle.admission import Attempt, attempt
from auth_service.throttle.limits import network_of
from auth_service.users.accounts import Checked, WrongCredentials, check_password
from auth_service.users.changes import AdminsOnly
from common.errors import TokenRejected

Refuse = Callable[[str | None, str], Never]  # of a public id, if there is one, and a reason for the log

log = structlog.get_logger()


def require_session() -> None:
    """Set `g.user`, or refuse the token of a session that is over or of a user who is disabled."""
    if request.method != "OPTIONS":
        g.user = find_live_user(g.identity.public_id, g.identity.session_id)
        if g.user is None:
            raise TokenRejected("session")


def require_admin() -> None:
    """Refuse with 403 who is no admin at this moment; a token never says so."""
    if request.method != "OPTIONS" and not g.user.admin:
        log.warning("forbidden", reason="not_admin")
        raise AdminsOnly


def require_basic() -> None:
    """Set `g.credentials` from HTTP Basic, or refuse with 401 as a login does; nothing is compared yet."""
    if request.method != "OPTIONS":
        g.credentials = basic_credentials() or refuse_login(None, "no_credentials")


def basic_credentials() -> tuple[str, str] | None:
    """Return name and password of HTTP Basic (RFC 7617, UTF-8), or None without a readable header."""
    scheme, _, encoded = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(" "), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return (name, password) if colon else None


def refuse_login(public_id: str | None, reason: str) -> Never:
    """Refuse with one and the same answer; `reason` goes to the log alone."""
    security_log.warning("login_failed", reason=reason, public_id=public_id)
    raise WrongCredentials


def client_network() -> str:
    """Return the network that the request came from."""
    return network_of(request.remote_addr or "")


@contextmanager
def checked_password(
    name: str, password: str, *, failure: str = audit.LOGIN_FAILED, refuse: Refuse = refuse_login
) -> Iterator[tuple[Checked, Attempt]]:
    """Compare a password within the limits; the block runs if it is right.

    A wrong one is counted, with an entry `failure` in the audit log, and refused. The block has to call
    `succeeded` in the transaction of what the password was for; else the attempt counts as nothing.
    """
    hasher = current_app.extensions["hasher"]
    with attempt(name, client_network(), now=datetime.now(UTC)) as admitted:
        user = check_password(hasher, name, password)
        if user.refusal:
            _record_failure(admitted, user, failure)
            refuse(user.public_id, user.refusal)
        yield user, admitted


def _record_failure(admitted: Attempt, user: Checked, event: str) -> None:
    session_id = g.identity.session_id if "identity" in g else None
    where = {"ip": request.remote_addr, "session_id": session_id}
    with db.write() as connection:
        admitted.failed(connection, now=datetime.now(UTC))
        audit.record(connection, event, public_id=user.public_id, detail=user.refusal, **where)
