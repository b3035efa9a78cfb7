"""Owns what auth answers: the shapes of users and tokens."""

from datetime import UTC, datetime

import msgspec

from auth_service.sessions import LiveUser
from common.members import Moment, PublicId


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
    """An access token and how long it lives, in seconds."""

    token: str
    token_type: str = "Bearer"  # noqa: S105 - RFC 6749 section 5.1
    expires_in: int = 2700


class Registered(Tokens, kw_only=True):
    """The new user, logged in."""

    message: str = "registered successfully"
    public_id: PublicId


def user_payload(user: LiveUser) -> UserPayload:
    """Return what may be shown of `user`."""
    return UserPayload(
        user.public_id, user.name, user.admin, user.disabled, user.created_at, user.last_login_at
    )


A_TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0.e30.c2lnbmF0dXJl"  # noqa: S105 - an example
AN_ID = "0b7f9d1e-3c5a-4e2b-9f60-1a2b3c4d5e6f"
MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ANN = UserPayload(AN_ID, "Ann", False, False, MADE_AT, None)
