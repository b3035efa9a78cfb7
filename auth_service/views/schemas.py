"""What the routes of auth read and answer: names, passwords, users, sessions and tokens."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from flask import current_app
from pydantic import AfterValidator, Field
from werkzeug.routing import BaseConverter

from auth_service import names
from auth_service.models import UserRow
from auth_service.passwords.policy import MAX_LENGTH, complaint, is_same
from common.web.field_types import CONTROLS, NOT_BLANK, SPACES, Timestamp, rule_error

# What OpenAPI can say of a name: no control character, colon or line separator, and not spaces alone.
NOT_IN_NAMES = rf"{CONTROLS}:\u1680\u2028\u2029"
NAME_PATTERN = f"^[^{NOT_IN_NAMES}]*[^{NOT_IN_NAMES}{SPACES}][^{NOT_IN_NAMES}]*$"


def _normalise(name: str) -> str:
    try:
        return names.normalise(name)
    except names.InvalidName as error:
        raise rule_error(error.message) from error


UserName = Annotated[
    str,
    AfterValidator(_normalise),
    Field(
        description=(
            "The length counts after NFKC, trimming and making each run of spaces one; invisible, private"
            " and unassigned characters are refused, and words of Latin mixed with Cyrillic or Greek."
        ),
        json_schema_extra={"minLength": 1, "maxLength": names.MAX_LENGTH, "pattern": NAME_PATTERN},
    ),
]
# Which of them may be chosen depends on the user: the schema has to call `check_new_password`.
NewPassword = Annotated[
    str,
    Field(
        description="The length counts after NFC. Refused are the name and the most common passwords.",
        json_schema_extra={"minLength": 8, "maxLength": MAX_LENGTH, "pattern": NOT_BLANK},
    ),
]
PublicId = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class PublicIdConverter(BaseConverter):
    """A UUID in lower case in a path, as the service gives it out; anything else is no address (404)."""

    regex = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    schema: ClassVar = {"type": "string", "format": "uuid"}


def check_new_password(password: str, *, name: str, current: str | None = None) -> str:
    """Return the password, or raise a rule error if the user of this name may not choose it."""
    detail = complaint(password, name=name, min_length=current_app.extensions["settings"].password_min_length)
    if detail is None and current is not None and is_same(password, current):
        detail = "must not be the current password"
    if detail:
        raise rule_error(detail)
    return password


@dataclass(slots=True)
class UserPayload:
    """A user, as an admin or the user itself reads it."""

    public_id: PublicId
    name: str
    admin: bool
    disabled: bool
    created_at: Timestamp
    last_login_at: Timestamp | None


@dataclass(slots=True)
class UserList:
    """A page of users; `next` is the cursor of the page behind it, null on the last."""

    users: list[UserPayload]
    next: str | None


@dataclass(slots=True, kw_only=True)
class Tokens:
    """An access token, the refresh token that gives the next ones, and how long both live, in seconds."""

    token: str
    token_type: str = "Bearer"  # noqa: S105 - RFC 6749 section 5.1
    expires_in: int = 2700
    refresh_token: str
    # Until the session ends, unless it is refreshed; and at most until its absolute end.
    refresh_expires_in: int


@dataclass(slots=True, kw_only=True)
class Registered(Tokens):
    """The new user, logged in."""

    message: str = "registered successfully"
    public_id: PublicId


@dataclass(slots=True)
class LoggedOut:
    """The session has ended, if there was one."""

    message: str = "logged out"


@dataclass(slots=True)
class SessionPayload:
    """A session, as its user reads it; `current` is the one of the token that asks."""

    id: PublicId
    current: bool
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    user_agent: str
    ip: str


@dataclass(slots=True)
class SessionList:
    """The live sessions, the one used last first."""

    sessions: list[SessionPayload]


def user_payload(user: UserRow) -> UserPayload:
    """Return what may be shown of `user`."""
    return UserPayload(
        user.public_id, user.name, user.admin, user.disabled, user.created_at, user.last_login_at
    )


# Examples.
A_TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0.e30.c2lnbmF0dXJl"  # noqa: S105 - an example
A_REFRESH_TOKEN = "3f1c8a52-7d0e-4b9a-8c61-5e2f4a7b9d03." + "c2VjcmV0" * 5 + "c2U"
A_PASSWORD = "a long and private phrase"  # noqa: S105 - an example
AN_ID = "0b7f9d1e-3c5a-4e2b-9f60-1a2b3c4d5e6f"
MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
A_SESSION = SessionPayload(
    id="3f1c8a52-7d0e-4b9a-8c61-5e2f4a7b9d03",
    current=True,
    created_at=MADE_AT,
    last_used_at=MADE_AT,
    expires_at=MADE_AT + timedelta(days=7),
    user_agent="curl/8.5.0",
    ip="203.0.113.9",
)
ANN = UserPayload(AN_ID, "Ann", False, False, MADE_AT, None)
SOME_TOKENS = Tokens(token=A_TOKEN, refresh_token=A_REFRESH_TOKEN, refresh_expires_in=7 * 24 * 3600)
