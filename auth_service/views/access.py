"""The routes that begin and end a session: registration, login, refresh and logout."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from flask import Response, current_app, request
from pydantic import Field, ValidationInfo, field_validator

from auth_service import audit
from auth_service.models import db
from auth_service.passwords.hashing import current_hasher
from auth_service.sessions.ending import END_ONE, end_sessions
from auth_service.sessions.lifecycle import start_session
from auth_service.sessions.refreshing import Client, Grant, find_refresh_token, use_refresh_token
from auth_service.throttle import registrations
from auth_service.throttle.attempts import key_of
from auth_service.throttle.password_waits import TooManyAttempts, know_network
from auth_service.throttle.registrations import TooManyRegistrations
from auth_service.users import accounts
from auth_service.users.accounts import NameTaken, WrongCredentials, update_unchanged
from auth_service.views import schemas
from auth_service.views.authentication import (
    BASIC,
    basic_credentials,
    checked_password,
    client_network,
    has_only_a_body,
    refuse_login,
)
from common.errors import DomainError, TokenRejected
from common.tokens.access import issue
from common.web.field_types import Schema, Text
from common.web.guard import verifier
from common.web.routes import ApiBlueprint, json_response

MAX_USER_AGENT = 200  # characters kept


class RegistrationClosed(DomainError):
    status = 403
    code = "registration-closed"
    message = "registration is closed"


def require_open_registration() -> None:
    if current_app.extensions["settings"].registration == "closed":
        raise RegistrationClosed


registration = ApiBlueprint(
    "registration", description="New users, where it is open", guards=[require_open_registration]
)
blueprint = ApiBlueprint("access", description="Login, new tokens and logout, open to anyone")


class Credentials(Schema):
    """A name and a password, whatever they are: a login says no more than that they are wrong."""

    name: Annotated[str, Field(examples=["Ann"])]
    password: Annotated[str, Field(examples=[schemas.A_PASSWORD])]


class NewUser(Schema):
    """A name and a password that keep the rules."""

    name: Annotated[schemas.UserName, Field(examples=["Ann"])]
    password: Annotated[schemas.NewPassword, Field(examples=[schemas.A_PASSWORD])]

    @field_validator("password")
    @classmethod
    def check_password(cls, password: str, info: ValidationInfo) -> str:
        return schemas.check_new_password(password, name=info.data.get("name", ""))


class RefreshRequest(Schema):
    """A refresh token."""

    refresh_token: Annotated[Text, Field(examples=[schemas.A_REFRESH_TOKEN])]


@registration.operation(
    "POST /register",
    responses={201: schemas.Registered(public_id=schemas.AN_ID, **asdict(schemas.SOME_TOKENS))},
    errors=[RegistrationClosed, NameTaken, TooManyRegistrations],
)
def register(body: NewUser) -> Response:
    """Make a user and log it in."""
    limit = current_app.extensions["settings"].registrations_per_hour
    with db.read() as connection:  # both are looked at before a core is taken to hash the password
        registrations.check(connection, client_network(), limit=limit, now=datetime.now(UTC))
    if accounts.find_credentials(body.name):
        raise NameTaken
    registered = _register(body.name, current_hasher().hash(body.password), limit=limit)
    audit.log_event("registered", public_id=registered.public_id)
    return json_response(registered, 201, {"Location": "/me"})


def _register(name: str, password_hash: str, *, limit: int) -> schemas.Registered:
    network, now = client_network(), datetime.now(UTC)
    with db.write() as connection:
        registrations.admit(connection, network, limit=limit, now=now)
        user = accounts.add_user(connection, name, password_hash, admin=False)
        know_network(connection, key_of(name), network, now=now)
        grant = start_session(connection, user, client=client(), event="registered")
    return schemas.Registered(public_id=user.public_id, **asdict(issue_tokens(grant)))


@blueprint.operation(
    "POST /login",
    body_if=has_only_a_body,
    responses={200: schemas.SOME_TOKENS},
    errors=[WrongCredentials, TooManyAttempts],
    security=BASIC,
)
def log_in(body: Credentials | None) -> Response:
    """Log in with HTTP Basic, or with a JSON body where there is no Authorization header."""
    credentials = (body.name, body.password) if body else basic_credentials()
    if credentials is None:
        refuse_login(None, "no_credentials")
    # A user who was changed between the check and the login is checked once more: two logins at once may both
    # find a hash that is due for a stronger one, and the second then meets that of the first.
    tokens = _log_in(*credentials) or _log_in(*credentials) or refuse_login(None, "changed_meanwhile")
    return json_response(tokens)


def _log_in(name: str, password: str) -> schemas.Tokens | None:
    """Log in or refuse; return None if the user was changed after the password was found right."""
    with checked_password(name, password) as (user, attempt):
        password_hash, now = accounts.stronger_hash(user, password), datetime.now(UTC)
        with db.write() as connection:
            if not update_unchanged(connection, user, last_login_at=now, password_hash=password_hash):
                return None
            attempt.succeeded(connection, now=now)
            grant = start_session(connection, user, client=client(), event="login")
    audit.log_event("login", public_id=user.public_id)
    return issue_tokens(grant)


@blueprint.operation("POST /refresh", responses={200: schemas.SOME_TOKENS}, errors=[TokenRejected])
def refresh(body: RefreshRequest) -> Response:
    """Give new tokens for a refresh token, which is good, and yields the same next one, until that is used.

    Reusing an older token revokes the session (possible theft).
    """
    grant = use_refresh_token(body.refresh_token, client=client(), keys=verifier().keys)
    audit.log_event("refresh", public_id=grant.public_id)
    return json_response(issue_tokens(grant))


@blueprint.operation("POST /logout", responses={200: schemas.LoggedOut()})
def log_out(body: RefreshRequest) -> Response:
    """End the session that the refresh token was issued for, however long ago; an unknown one ends none."""
    token = find_refresh_token(body.refresh_token)
    if token:
        with db.write() as connection:
            end_sessions(connection, END_ONE, of_session=token.session_id, why="logout")
        audit.log_event("logout", public_id=token.public_id)
    return json_response(schemas.LoggedOut())


def client() -> Client:
    user_agent = request.environ.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT]
    return {"user_agent": user_agent, "ip": request.remote_addr or ""}


def issue_tokens(grant: Grant) -> schemas.Tokens:
    key, now = verifier().keys.current.signing, time.time()
    return schemas.Tokens(
        token=issue(key, public_id=grant.public_id, session_id=grant.session_id, now=now),
        refresh_token=grant.refresh_token,
        refresh_expires_in=int(grant.expires_in.total_seconds()),
    )
