"""Passwords that routes compare within the limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from flask import current_app, g, request

from auth_service import audit
from auth_service.models import db
from auth_service.throttle.admission import Attempt, attempt
from auth_service.throttle.limits import network_of
from auth_service.users.accounts import Checked, check_password


def client_network() -> str:
    """Return the network that the request came from."""
    return network_of(request.remote_addr or "")


@contextmanager
def checked(
    name: str, password: str, *, failure: str = audit.LOGIN_FAILED
) -> Iterator[tuple[Checked, Attempt]]:
    """Compare a password, if the limits let it, and hand the result to the block.

    A wrong one is counted, with an entry `failure` in the audit log. If it is right the block has to call
    `succeeded` in the transaction of what the password was for; else the attempt counts as nothing.
    """
    hasher = current_app.extensions["hasher"]
    with attempt(name, client_network(), now=datetime.now(UTC)) as admitted:
        user = check_password(hasher, name, password)
        if user.refusal:
            _record_failure(admitted, user, failure)
        yield user, admitted


def _record_failure(admitted: Attempt, user: Checked, event: str) -> None:
    now, identity = datetime.now(UTC), g.get("identity")
    with db.write() as connection:
        admitted.failed(connection, now=now)
        audit.record(
            connection,
            event,
            now=now,
            public_id=user.public_id,
            ip=request.remote_addr,
            session_id=identity.session_id if identity else None,
            detail=user.refusal,
        )
