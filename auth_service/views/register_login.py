"""Owns the open routes: registration and login."""

from datetime import UTC, datetime
from typing import Any, Never

import structlog
from flask import Response, current_app, request
from marshmallow import ValidationError, validates_schema

from auth_service.credentials import basic_credentials
from auth_service.fields import UserName
from auth_service.models import db
from auth_service.passwords import MAX_LENGTH, complaint
from auth_service.payloads import A_TOKEN, AN_ID, Registered, Tokens
from auth_service.sessions import start_session
from auth_service.users import NameTaken, add_user, check_password, note_login
from common.answers import answer
from common.api import Blueprint
from common.auth import verifier
from common.fields import NOT_BLANK, AnyText, StrictSchema
from common.problems import Refusal
from common.tokens import issue

CHALLENGE = {"WWW-Authenticate": 'Basic realm="bookstore", charset="UTF-8"'}
COULD_NOT_VERIFY = "could not verify"
NAME_TAKEN = "name is already taken"

log = structlog.get_logger()
blueprint = Blueprint("access", __name__, description="Registration and login, open to anyone")


class Credentials(StrictSchema):
    """A name and a password, whatever they are: a login says no more than that they are wrong."""

    name = AnyText(required=True, metadata={"examples": ["Ann"]})
    password = AnyText(required=True, metadata={"examples": ["a long and private phrase"]})


class NewUser(StrictSchema):
    """A name and a password that keep the rules."""

    name = UserName(required=True, metadata={"examples": ["Ann"]})
    password = AnyText(
        required=True,
        metadata={
            "examples": ["a long and private phrase"],
            "minLength": 8,
            "maxLength": MAX_LENGTH,
            "pattern": NOT_BLANK,
            "description": (
                "The length counts after NFC. Refused are the name and the most common passwords."
            ),
        },
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def check_password(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        """Complain about a password that may not be chosen."""
        if "password" not in data:
            return
        name = original.get("name")
        detail = complaint(
            data["password"],
            name=name if isinstance(name, str) else "",
            min_length=current_app.extensions["settings"].password_min_length,
        )
        if detail:
            raise ValidationError(detail, "password")


@blueprint.operation(
    "POST /register",
    body=NewUser,
    answers={201: Registered(token=A_TOKEN, public_id=AN_ID)},
    refuses={409: NAME_TAKEN},
)
def register(body: dict[str, Any]) -> Response:
    """Make a user and log it in."""
    password_hash = current_app.extensions["hasher"].hash(body["password"])
    now = datetime.now(UTC)
    try:
        user_id, public_id = add_user(body["name"], password_hash, admin=False, now=now)
    except NameTaken as error:
        raise Refusal(409, NAME_TAKEN) from error
    token = _start_session(user_id, public_id, now)
    log.info("registered", public_id=public_id)
    return answer(Registered(token=token, public_id=public_id), 201, {"Location": f"/users/{public_id}"})


def has_only_a_body() -> bool:
    """Tell whether a login brings its credentials in the body: there is one, and no Authorization header."""
    environ = request.environ
    has_body = environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
    return has_body and not environ.get("HTTP_AUTHORIZATION")


@blueprint.operation(
    "POST /login",
    body=Credentials,
    body_when=has_only_a_body,
    answers={200: Tokens(token=A_TOKEN)},
    refuses={401: COULD_NOT_VERIFY},
    security=["basic"],
)
def log_in(body: dict[str, Any] | None) -> Response:
    """Log in with HTTP Basic, or with a JSON body where there is no Authorization header."""
    credentials = (body["name"], body["password"]) if body else basic_credentials()
    if credentials is None:
        refuse_login(None, "no_credentials")
    user = check_password(current_app.extensions["hasher"], *credentials)
    now = datetime.now(UTC)
    if user.refusal or not note_login(user, now=now):
        refuse_login(user.public_id, user.refusal or "changed_meanwhile")
    token = _start_session(user.id, user.public_id, now)
    log.info("login", public_id=user.public_id)
    return answer(Tokens(token=token))


def refuse_login(public_id: str | None, reason: str) -> Never:
    """Refuse with one and the same answer, whatever the reason; only the log tells it."""
    log.warning("login_failed", reason=reason, public_id=public_id)
    raise Refusal(401, COULD_NOT_VERIFY, headers=CHALLENGE)


def _start_session(user_id: int, public_id: str, now: datetime) -> str:
    """Commit the transaction with a new session in it, and return the session's first access token."""
    session_id = start_session(
        user_id,
        current_app.extensions["settings"],
        user_agent=request.environ.get("HTTP_USER_AGENT", ""),
        ip=request.remote_addr or "",
        now=now,
    )
    db.session.commit()
    key = verifier().keys.current().signing
    return issue(key, public_id=public_id, session_id=session_id, now=now.timestamp())
