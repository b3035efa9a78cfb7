"""Owns the open routes: registration and login."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Response, current_app, request
from marshmallow import validates_schema

from auth_service import audit, security_log
from auth_service.models import db
from auth_service.throttle import registrations
from auth_service.throttle.admission import TooManyAttempts
from auth_service.throttle.attempts import key_of, know_network
from auth_service.users.accounts import NameTaken, add_user, find_public_id, record_login, stronger_hash
from auth_service.views import granting, limiting
from auth_service.views.credentials import COULD_NOT_VERIFY, basic_credentials, refuse_login
from auth_service.views.fields import NewPassword, UserName, check_new_password
from auth_service.views.schemas import AN_ID, SOME_TOKENS, Registered, Tokens
from common.web.answers import answer
from common.web.fields import AnyText, StrictSchema
from common.web.routes import Blueprint

blueprint = Blueprint("access", __name__, description="Registration and login, open to anyone")


class Credentials(StrictSchema):
    """A name and a password, whatever they are: a login says no more than that they are wrong."""

    name = AnyText(required=True, metadata={"examples": ["Ann"]})
    password = AnyText(required=True, metadata={"examples": ["a long and private phrase"]})


class NewUser(StrictSchema):
    """A name and a password that keep the rules."""

    name = UserName(required=True, metadata={"examples": ["Ann"]})
    password = NewPassword(required=True, metadata={"examples": ["a long and private phrase"]})

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def check_password(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        """Complain about a password that may not be chosen."""
        if "password" in data:
            name = original.get("name")
            check_new_password(
                data["password"], name=name if isinstance(name, str) else "", member="password"
            )


@blueprint.operation(
    "POST /register",
    body=NewUser,
    answers={201: Registered(public_id=AN_ID, **msgspec.structs.asdict(SOME_TOKENS))},
    refuses={409: NameTaken.message, 429: registrations.TooManyRegistrations.message},
)
def register(body: dict[str, Any]) -> Response:
    """Make a user and log it in."""
    limit = current_app.extensions["settings"].registrations_per_hour
    registrations.check(limiting.client_network(), limit=limit, now=datetime.now(UTC))
    if find_public_id(body["name"]):  # before a core is taken to hash the password
        raise NameTaken
    password_hash = current_app.extensions["hasher"].hash(body["password"])
    made = _register(body["name"], password_hash, limit=limit, now=datetime.now(UTC))
    security_log.info("registered", public_id=made.public_id)
    return answer(made, 201, {"Location": f"/users/{made.public_id}"})


def _register(name: str, password_hash: str, *, limit: int, now: datetime) -> Registered:
    network = limiting.client_network()
    with db.write() as connection:
        registrations.admit(connection, network, limit=limit, now=now)
        user_id, public_id = add_user(connection, name, password_hash, admin=False, now=now)
        know_network(connection, key_of(name), network, now=now)
        grant = granting.start(connection, user_id, public_id, event=audit.REGISTERED, now=now)
    tokens = granting.tokens(public_id, grant, now=now)
    return Registered(public_id=public_id, **msgspec.structs.asdict(tokens))


def has_only_a_body() -> bool:
    """Tell whether a login brings its credentials in the body: there is one, and no Authorization header."""
    environ = request.environ
    has_body = environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
    return has_body and not environ.get("HTTP_AUTHORIZATION")


@blueprint.operation(
    "POST /login",
    body=Credentials,
    body_when=has_only_a_body,
    answers={200: SOME_TOKENS},
    refuses={401: COULD_NOT_VERIFY, 429: TooManyAttempts.message},
    security=["basic"],
)
def log_in(body: dict[str, Any] | None) -> Response:
    """Log in with HTTP Basic, or with a JSON body where there is no Authorization header."""
    credentials = (body["name"], body["password"]) if body else basic_credentials()
    if credentials is None:
        refuse_login(None, "no_credentials")
    # Whoever was changed between the check and the login is checked once more: two logins at once may both
    # find a hash that is due for a stronger one, and the second then meets that of the first.
    tokens = _log_in(*credentials) or _log_in(*credentials) or refuse_login(None, "changed_meanwhile")
    return answer(tokens)


def _log_in(name: str, password: str) -> Tokens | None:
    """Log in or refuse; return None if the user was changed after the password was found right."""
    with limiting.checked(name, password) as (user, attempt):
        if user.refusal:
            refuse_login(user.public_id, user.refusal)
        password_hash = stronger_hash(current_app.extensions["hasher"], user, password)
        now = datetime.now(UTC)
        with db.write() as connection:
            if not record_login(connection, user, password_hash, now=now):
                return None
            attempt.succeeded(connection, now=now)
            grant = granting.start(connection, user.id, user.public_id, event=audit.LOGIN, now=now)
    security_log.info("login", public_id=user.public_id)
    return granting.tokens(user.public_id, grant, now=now)
