"""Owns the refresh token: `<session id>.<256 random bits>`, known to the database by a digest alone."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Connection, bindparam, insert, select

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


@dataclass(frozen=True, slots=True)
class Issued:
    """A refresh token that was once issued, and whose session is still kept."""

    digest: bytes
    session_id: str
    public_id: str

    @classmethod
    def find(cls, text: str) -> Self | None:
        """Return what is known of the token, or None if it was never issued."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        with db.read() as connection:
            parameters = {"digest": _digest(found[2]), "session_id": found[1]}
            row = connection.execute(ISSUED, parameters).first()
        return cls(*row) if row else None


def add_refresh_token(connection: Connection, session_id: str, *, now: datetime) -> tuple[str, bytes]:
    """Add a new refresh token of the session; return it and its digest."""
    secret = secrets.token_urlsafe(SECRET_SIZE)
    digest = _digest(secret)
    connection.execute(INSERT, {"digest": digest, "session_id": session_id, "issued_at": now})
    return f"{session_id}.{secret}", digest


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
