"""Owns what the routes that start or refresh a session have in common: the client, and the tokens it gets."""

from collections.abc import Sequence
from datetime import datetime

from flask import current_app, request

from auth_service import audit
from auth_service.ending import commit_ends
from auth_service.payloads import Tokens
from auth_service.sessions import Client, Grant, start_session
from common.auth import verifier
from common.tokens import issue


def client() -> Client:
    """Return where the request came from."""
    return Client(request.environ.get("HTTP_USER_AGENT", ""), request.remote_addr or "")


def start(user_id: int, public_id: str, *, event: str, now: datetime, ended: Sequence[str] = ()) -> Tokens:
    """Commit the transaction with a new session in it, and return its first tokens.

    `event` is what the audit log calls it, `ended` are sessions that the transaction ended; those that make
    room for the new one come on top.
    """
    grant = start_session(user_id, current_app.extensions["settings"], client=client(), now=now)
    audit.note(event, now=now, public_id=public_id, ip=client().ip, session_id=grant.session_id)
    commit_ends([*ended, *grant.displaced], why=event if ended else "too many sessions", now=now)
    return tokens(public_id, grant, now=now)


def tokens(public_id: str, grant: Grant, *, now: datetime) -> Tokens:
    """Return the tokens of a session that was started or refreshed now."""
    key = verifier().keys.current().signing
    return Tokens(
        token=issue(key, public_id=public_id, session_id=grant.session_id, now=now.timestamp()),
        refresh_token=grant.refresh_token,
        refresh_expires_in=int((grant.expires_at - now).total_seconds()),
    )
