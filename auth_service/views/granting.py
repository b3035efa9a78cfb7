"""Owns what the routes that start or refresh a session have in common: the client, and the tokens it gets."""

from collections.abc import Sequence
from datetime import datetime

from flask import current_app, request
from sqlalchemy import Connection

from auth_service import audit
from auth_service.sessions.ending import publish_ends
from auth_service.sessions.lifecycle import Client, Grant, start_session
from auth_service.views.schemas import Tokens
from common.tokens.access import issue
from common.web.guard import verifier


def client() -> Client:
    """Return where the request came from."""
    return Client(request.environ.get("HTTP_USER_AGENT", ""), request.remote_addr or "")


def start(
    connection: Connection,
    user_id: int,
    public_id: str,
    *,
    event: str,
    now: datetime,
    ended: Sequence[str] = (),
) -> Grant:
    """Start a session; call it last in the transaction.

    `event` is what the audit log calls it, `ended` are sessions that the transaction ended; those that make
    room for the new one come on top.
    """
    settings, where = current_app.extensions["settings"], client()
    grant = start_session(connection, user_id, settings, client=where, now=now)
    audit.record(connection, event, now=now, public_id=public_id, ip=where.ip, session_id=grant.session_id)
    why = event if ended else "too many sessions"
    publish_ends(connection, [*ended, *grant.displaced], why=why, now=now)
    return grant


def tokens(public_id: str, grant: Grant, *, now: datetime) -> Tokens:
    """Return the tokens of a session that was started or refreshed now."""
    key = verifier().keys.current().signing
    return Tokens(
        token=issue(key, public_id=public_id, session_id=grant.session_id, now=now.timestamp()),
        refresh_token=grant.refresh_token,
        refresh_expires_in=int((grant.expires_at - now).total_seconds()),
    )
