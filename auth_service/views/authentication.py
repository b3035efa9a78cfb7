"""What stands in front of the routes of auth: the checks of session, role, name and password."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv6Address, IPv6Network
from typing import Never

import structlog
from flask import g, request

from auth_service import audit
from auth_service.models import db
from auth_service.sessions.lifecycle import find_live_user, record_use
from auth_service.throttle import too_many
from auth_service.throttle.attempts import pair_of
from auth_service.throttle.password_waits import Attempt, attempt
from auth_service.users.accounts import UserCredentials, WrongCredentials, check_password
from auth_service.users.changes import AdminsOnly
from common.errors import TokenRevoked
from common.proxies import parse_address
from common.web.guard import verifier

Refuse = Callable[[str | None, str], Never]  # of a public id, if there is one, and a reason for the log

BASIC = {  # OpenAPI's security scheme
    "basic": {"type": "http", "scheme": "basic", "description": "Name and password (RFC 7617)."}
}

# The challenge to a page's script, and after a body: at `Basic` a browser opens a dialog of its own.
NO_DIALOG = {"WWW-Authenticate": 'Bearer realm="bookstore"'}

log = structlog.get_logger()


def require_session() -> None:
    """Set `g.user`, or refuse the token of a session that is over or of a user who is disabled."""
    g.user = find_live_user(g.identity.public_id, g.identity.session_id)
    if g.user is None:
        raise TokenRevoked("session")
    if g.user.use_is_due:
        record_use(g.identity.session_id)


def require_admin() -> None:
    """Refuse with 403 who is no admin at this moment; a token never says so."""
    if not g.user.admin:
        log.warning("forbidden", reason="not_admin")
        raise AdminsOnly


def require_basic() -> None:
    """Set `g.credentials` from HTTP Basic, or refuse with 401 as a login does; nothing is compared yet."""
    g.credentials = basic_credentials() or refuse_login(None, "no_credentials")


def basic_credentials() -> tuple[str, str] | None:
    """Return name and password of HTTP Basic (RFC 7617), or None without a readable header."""
    scheme, _, encoded = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        credentials = base64.b64decode(encoded.strip(" "), validate=True)
    except ValueError:
        return None
    try:
        text = credentials.decode()
    except UnicodeDecodeError:
        text = credentials.decode("latin-1")  # several clients send it, though the challenge asks for UTF-8
    name, colon, password = text.partition(":")
    return (name, password) if colon else None


def has_only_a_body() -> bool:
    """Return whether the credentials of a login come in the body: there is one, and no Authorization."""
    environ = request.environ
    has_body = environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
    return has_body and not environ.get("HTTP_AUTHORIZATION")


def refuse_login(public_id: str | None, reason: str) -> Never:
    """Refuse with one and the same answer; `reason` goes to the log alone."""
    audit.log_refusal("login_failed", reason=reason, public_id=public_id)
    refused = WrongCredentials()
    # An older custom, and Fetch Metadata.
    is_script = "X-Requested-With" in request.headers or request.headers.get("Sec-Fetch-Dest") == "empty"
    if is_script or (request.method == "POST" and has_only_a_body()):  # the body of a DELETE is ignored
        refused.headers = NO_DIALOG
    raise refused


def client_network() -> str:
    return network_of(request.remote_addr or "")


def network_of(address: str) -> str:
    """Return the network of a client: its IPv4 address, or the /64 of its IPv6 address.

    A line is given a /64 or more (RFC 6177), in which it can take a new address for every request.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(parsed) if parsed else ""


@contextmanager
def checked_password(
    name: str, password: str, *, failure: str = audit.LOGIN_FAILED, refuse: Refuse = refuse_login
) -> Iterator[tuple[UserCredentials, Attempt]]:
    """Compare a password within the limits; the block runs if it is right.

    A wrong one is counted, with an entry `failure` in the audit log, and refused. The block has to call
    `succeeded` in the transaction of what the password was for; else the attempt counts as nothing.
    """
    pair = pair_of(name, client_network(), password=password, keys=verifier().keys.current)
    with attempt(pair, now=datetime.now(UTC)) as admitted:
        # One that may not be compared takes as long as if there were no such user.
        user, refusal = check_password(name if admitted.may_compare else "", password)
        if user is None or refusal:
            public_id = user.public_id if user else ""
            _record_failure(admitted, public_id, refusal, failure)
            if admitted.full:
                too_many.refuse(admitted.full)
            refuse(public_id, refusal)
        yield user, admitted


def _record_failure(admitted: Attempt, public_id: str, reason: str, event: str) -> None:
    session_id = g.identity.session_id if "identity" in g else None
    where = {"ip": request.remote_addr, "session_id": session_id}
    with db.write() as connection:
        if admitted.failed(connection, now=datetime.now(UTC)):
            audit.record(connection, event, public_id=public_id, detail=reason, **where)
