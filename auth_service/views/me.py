"""Owns what a user reads and changes of itself."""

from datetime import UTC, datetime
from typing import Any, Never

from flask import Response, current_app, g, request
from marshmallow import validates_schema

from auth_service import audit, security_log
from auth_service.models import db
from auth_service.throttle.admission import TooManyAttempts
from auth_service.users import changes
from auth_service.users.rights import LastAdmin
from auth_service.views import granting, limiting
from auth_service.views.credentials import COULD_NOT_VERIFY, refuse_login
from auth_service.views.fields import NewPassword, check_new_password
from auth_service.views.guards import check_basic, require_basic, require_session
from auth_service.views.schemas import ANN, SOME_TOKENS, Tokens, user_payload
from common.web.answers import answer, no_content
from common.web.fields import AnyText, StrictSchema
from common.web.guard import require_token
from common.web.openapi import TOKEN
from common.web.problems import Refusal
from common.web.routes import Blueprint

blueprint = Blueprint(
    "me",
    __name__,
    description="The user whom the token names",
    guards=[require_token, require_session],
    security=TOKEN,
)
leaving = Blueprint(
    "leaving",
    __name__,
    description="The user whom HTTP Basic names: a token that was left lying about is not enough",
    guards=[require_basic],
    security=["basic"],
)


class PasswordChange(StrictSchema):
    """The password so far, whatever it is, and one that keeps the rules and is another."""

    current_password = AnyText(required=True, metadata={"examples": ["a long and private phrase"]})
    new_password = NewPassword(required=True, metadata={"examples": ["a longer and more private phrase"]})

    @validates_schema(skip_on_field_errors=False)
    def check_password(self, data: dict[str, Any], **_: Any) -> None:
        """Complain about a password that may not be chosen."""
        if "new_password" not in data:
            return
        new, current = data["new_password"], data.get("current_password")
        check_new_password(new, name=g.user.name, member="new_password", current=current)


@blueprint.operation("GET /me", answers={200: ANN})
def show_me() -> Response:
    """Show the user whom the token names."""
    return answer(user_payload(g.user))


@blueprint.operation(
    "PUT /me/password",
    body=PasswordChange,
    answers={200: SOME_TOKENS},
    refuses={403: COULD_NOT_VERIFY, 429: TooManyAttempts.message},
)
def change_my_password(body: dict[str, Any]) -> Response:
    """Change the password; every session ends, and a new one begins."""
    current, new = body["current_password"], body["new_password"]
    # A login at the same moment may give the same password a stronger hash: then it is checked once more.
    tokens = _change_password(current, new) or _change_password(current, new) or _refuse("changed_meanwhile")
    return answer(tokens)


def _change_password(current: str, new: str) -> Tokens | None:
    """Change the password or refuse; return None if the user was changed after `current` was found right."""
    with limiting.checked(g.user.name, current, failure=audit.PASSWORD_REFUSED) as (user, attempt):
        if user.refusal:
            _refuse(user.refusal)
        password_hash, now = current_app.extensions["hasher"].hash(new), datetime.now(UTC)
        event = audit.PASSWORD_CHANGED
        with db.write() as connection:
            ended = changes.replace_password(connection, user, password_hash, now=now)
            if ended is None:
                return None
            attempt.succeeded(connection, now=now)
            grant = granting.start(connection, user.id, user.public_id, event=event, now=now, ended=ended)
    security_log.info("password_changed", sessions_ended=len(ended))
    return granting.tokens(user.public_id, grant, now=now)


@leaving.operation(
    "DELETE /me",
    answers={204: None},
    refuses={401: COULD_NOT_VERIFY, 409: LastAdmin.message, 429: TooManyAttempts.message},
)
def delete_me() -> Response:
    """Delete the user with everything there is of it, here and in the services that hear of it."""
    # As above: whoever was changed since the check is checked once more.
    public_id = _delete_me() or _delete_me() or refuse_login(None, "changed_meanwhile")
    security_log.info("user_deleted", public_id=public_id)
    return no_content()


def _delete_me() -> str | None:
    """Delete the user or refuse; return None if it was changed after its password was found right."""
    by, user, now = audit.Actor("the user", request.remote_addr), check_basic(), datetime.now(UTC)
    return changes.delete_user(user.public_id, by=by, now=now, checked=user) if user else None


def _refuse(reason: str) -> Never:
    security_log.warning("password_refused", reason=reason)
    raise Refusal(403, COULD_NOT_VERIFY)
