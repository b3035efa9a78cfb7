"""Refresh tokens: `<session id>.<256 random bits>`, of which the database has a digest alone."""

import hashlib
import re
import secrets
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, insert, select

from auth_service.models import RefreshToken, Session, User, db
from common.tokens.access import CANONICAL_UUID4

SECRET_SIZE = 32  # bytes
_FORM = re.compile(rf"({CANONICAL_UUID4.pattern})\.([A-Za-z0-9_-]{{43}})")

ISSUED = (
    select(RefreshToken.digest, RefreshToken.session_id, User.public_id)
    .join(Session, Session.id == RefreshToken.session_id)
    .join(User, User.id == Session.user_id)
    .where(RefreshToken.digest == bindparam("digest"), RefreshToken.session_id == bindparam("session_id"))
)
INSERT = insert(RefreshToken)

IssuedToken = Row[bytes, str, str]  # of `ISSUED`: a token that was once issued, and whose session is kept


def find_token(text: str) -> IssuedToken | None:
    """Return what is known of a refresh token, or None if it was never issued."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    with db.read() as connection:
        return connection.execute(ISSUED, {"digest": _digest(found[2]), "session_id": found[1]}).first()


def add_refresh_token(connection: Connection, session_id: str, *, now: datetime) -> tuple[str, bytes]:
    """Add a new refresh token of the session; return it and its digest."""
    secret = secrets.token_urlsafe(SECRET_SIZE)
    digest = _digest(secret)
    connection.execute(INSERT, {"digest": digest, "session_id": session_id, "issued_at": now})
    return f"{session_id}.{secret}", digest


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
