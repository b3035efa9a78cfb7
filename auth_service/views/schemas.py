"""Owns what auth answers: the shapes of users and tokens."""

from datetime import UTC, datetime, timedelta

import msgspec

from auth_service.models import UserRow
from auth_service.views.fields import A_REFRESH_TOKEN
from common.web.members import Moment, PublicId


class UserPayload(msgspec.Struct):
    """A user, as an admin or the user itself reads it."""

    public_id: PublicId
    name: str
    admin: bool
    disabled: bool
    created_at: Moment
    last_login_at: Moment | None


class UserList(msgspec.Struct):
    """A page of users; `next` is the cursor of the page behind it, null on the last."""

    users: list[UserPayload]
    next: str | None


class Tokens(msgspec.Struct, kw_only=True):
    """An access token, the refresh token that gives the next ones, and how long both live, in seconds."""

    token: str
    token_type: str = "Bearer"  # noqa: S105 - RFC 6749 section 5.1
    expires_in: int = 2700
    refresh_token: str
    refresh_expires_in: (
        int  # until the session ends, unless it is refreshed; and at most until its absolute end
    )


class Registered(Tokens, kw_only=True):
    """The new user, logged in."""

    message: str = "registered successfully"
    public_id: PublicId


class LoggedOut(msgspec.Struct):
    """The session has ended, if there was one."""

    message: str = "logged out"


class SessionPayload(msgspec.Struct):
    """A session, as its user reads it; `current` is the one of the token that asks."""

    id: PublicId
    current: bool
    created_at: Moment
    last_used_at: Moment
    expires_at: Moment
    user_agent: str
    ip: str


class SessionList(msgspec.Struct):
    """The live sessions, the one used last first."""

    sessions: list[SessionPayload]


def user_payload(user: UserRow) -> UserPayload:
    """Return what may be shown of `user`."""
    return UserPayload(
        user.public_id, user.name, user.admin, user.disabled, user.created_at, user.last_login_at
    )


A_TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0.e30.c2lnbmF0dXJl"  # noqa: S105 - an example
A_WEEK = 7 * 24 * 60 * 60  # seconds
AN_ID = "0b7f9d1e-3c5a-4e2b-9f60-1a2b3c4d5e6f"
MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
A_SESSION = SessionPayload(
    "3f1c8a52-7d0e-4b9a-8c61-5e2f4a7b9d03",
    True,
    MADE_AT,
    MADE_AT,
    MADE_AT + timedelta(days=7),
    "curl/8.5.0",
    "203.0.113.9",
)
ANN = UserPayload(AN_ID, "Ann", False, False, MADE_AT, None)
SOME_TOKENS = Tokens(token=A_TOKEN, refresh_token=A_REFRESH_TOKEN, refresh_expires_in=A_WEEK)
