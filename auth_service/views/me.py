"""The routes of the user's own account and sessions."""

from datetime import UTC, datetime
from typing import Annotated, Never

from flask import Response, g, request
from pydantic import Field, ValidationInfo, field_validator

from auth_service import audit
from auth_service.models import db
from auth_service.passwords.hashing import current_hasher
from auth_service.sessions.ending import END_ALL, END_LIVE_ONE, END_OTHERS, LOCK_USER, end_sessions
from auth_service.sessions.lifecycle import find_live_sessions, start_session
from auth_service.throttle.password_waits import TooManyAttempts
from auth_service.users.accounts import WrongCredentials, WrongPassword, update_unchanged
from auth_service.users.changes import LastAdmin, erase_user
from auth_service.views import schemas
from auth_service.views.access import client, issue_tokens
from auth_service.views.authentication import (
    BASIC,
    checked_password,
    refuse_login,
    require_basic,
    require_session,
)
from common.errors import NotFound
from common.web.field_types import Schema
from common.web.guard import TOKEN, require_token
from common.web.routes import ApiBlueprint, empty_response, json_response

BY_USER = "ended by the user"

blueprint = ApiBlueprint(
    "me",
    description="The user whom the token names",
    guards=[require_token, require_session],
    security=TOKEN,
)
sessions = ApiBlueprint(
    "sessions",
    description="Where the user is logged in",
    guards=[require_token, require_session],
    security=TOKEN,
)
account = ApiBlueprint(
    "account",
    description="The user whom HTTP Basic names: requires the password, not just a token",
    guards=[require_basic],
    security=BASIC,
)


class SessionNotFound(NotFound):
    message = "session does not exist"


class PasswordChange(Schema):
    """The password so far, whatever it is, and one that keeps the rules and is another."""

    current_password: Annotated[str, Field(examples=[schemas.A_PASSWORD])]
    new_password: Annotated[schemas.NewPassword, Field(examples=["a longer and more private phrase"])]

    @field_validator("new_password")
    @classmethod
    def check_password(cls, password: str, info: ValidationInfo) -> str:
        current = info.data.get("current_password")
        return schemas.check_new_password(password, name=g.user.name, current=current)


@blueprint.operation("GET /me", responses={200: schemas.ANN})
def show_me() -> Response:
    """Show the user whom the token names."""
    return json_response(schemas.user_payload(g.user))


@blueprint.operation(
    "PUT /me/password", responses={200: schemas.SOME_TOKENS}, errors=[WrongPassword, TooManyAttempts]
)
def change_my_password(body: PasswordChange) -> Response:
    """Change the password; every session ends, and a new one begins."""
    # A login at the same moment may give the same password a stronger hash: then it is checked once more.
    tokens = _change_password(body) or _change_password(body) or refuse_change(None, "changed_meanwhile")
    return json_response(tokens)


def _change_password(body: PasswordChange) -> schemas.Tokens | None:
    """Change the password or refuse; return None if the user was changed after it was found right."""
    name, current = g.user.name, body.current_password
    attempted = checked_password(name, current, failure="password.refused", refuse=refuse_change)
    with attempted as (user, attempt):
        password_hash = current_hasher().hash(body.new_password)
        with db.write() as connection:
            if not update_unchanged(connection, user, password_hash=password_hash):
                return None
            attempt.succeeded(connection, now=datetime.now(UTC))
            grant = start_session(connection, user, client=client(), event=audit.PASSWORD_CHANGED)
            others = {"of_user": user.id, "of_session": grant.session_id}
            ended = end_sessions(connection, END_OTHERS, why=audit.PASSWORD_CHANGED, **others)
    audit.log_event("password_changed", sessions_ended=len(ended))
    return issue_tokens(grant)


def refuse_change(public_id: str | None, reason: str) -> Never:
    audit.log_refusal("password_refused", reason=reason, public_id=public_id)
    raise WrongPassword


@account.operation("DELETE /me", responses={204: None}, errors=[WrongCredentials, LastAdmin, TooManyAttempts])
def delete_me() -> Response:
    """Delete the user with everything there is of it, here and in the services that hear of it."""
    # As above: a user who was changed since the check is checked once more.
    public_id = _delete_me() or _delete_me() or refuse_login(None, "changed_meanwhile")
    audit.log_event("user_deleted", public_id=public_id)
    return empty_response(204)


def _delete_me() -> str | None:
    """Delete the user or refuse; return None if it was changed after its password was found right."""
    with checked_password(*g.credentials) as (user, attempt), db.write() as connection:
        if not update_unchanged(connection, user, disabled=False):  # as it is: this locks the row
            return None
        attempt.succeeded(connection, now=datetime.now(UTC))
    by = audit.Actor("the user", request.remote_addr)
    return erase_user(user.public_id, by=by, password_hash=user.password_hash)


@sessions.operation("GET /sessions", responses={200: schemas.SessionList([schemas.A_SESSION])})
def list_sessions() -> Response:
    """List the live sessions of the user."""
    current = g.identity.session_id
    found = find_live_sessions(g.user.id)
    shown = [schemas.SessionPayload(current=each["id"] == current, **each) for each in found]
    return json_response(schemas.SessionList(shown))


@sessions.operation("DELETE /sessions", responses={204: None})
def end_all_sessions() -> Response:
    """End every session of the user, this one too."""
    user = {"of_user": g.user.id}
    with db.write() as connection:
        connection.execute(LOCK_USER, user).all()
        ended = end_sessions(connection, END_ALL, why=BY_USER, **user)
    audit.log_event("session_ended", count=len(ended))
    return empty_response(204)


@sessions.operation(
    "DELETE /sessions/<public_id:session_id>", responses={204: None}, errors=[SessionNotFound]
)
def end_session(session_id: str) -> Response:
    """End one live session of the user."""
    one = {"of_user": g.user.id, "of_session": session_id}
    with db.write() as connection:
        if not end_sessions(connection, END_LIVE_ONE, why=BY_USER, **one):
            raise SessionNotFound
    audit.log_event("session_ended", count=1)
    return empty_response(204)
