"""Owns what admins read of users, and change."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, abort, current_app, g, request
from marshmallow import validates_schema

from auth_service import audit, security_log
from auth_service.models import UserRow
from auth_service.users import accounts, changes
from auth_service.users.rights import AdminsOnly, LastAdmin
from auth_service.views.fields import NewPassword, check_new_password
from auth_service.views.guards import require_admin, require_session
from auth_service.views.schemas import ANN, UserList, user_payload
from common.web.answers import answer, no_content
from common.web.cursors import Cursor, page_after, page_end
from common.web.fields import Flag, PlainText, QueryNumber, StrictSchema
from common.web.guard import require_token, verifier
from common.web.openapi import TOKEN
from common.web.routes import Blueprint

NO_SUCH_USER = "user does not exist"

blueprint = Blueprint(
    "users",
    __name__,
    description="All users, for admins",
    guards=[require_token, require_session, require_admin],
    security=TOKEN,
)


class Page(StrictSchema):
    """Which users are wanted."""

    limit = QueryNumber(low=1, high=200, load_default=50, metadata={"description": "Users a page."})
    cursor = Cursor()
    name = PlainText(load_default="", metadata={"description": "The start of the name, in any case."})


class UserChange(StrictSchema):
    """What is to become of a user; what is left out stays as it is."""

    admin = Flag(metadata={"examples": [True]})
    disabled = Flag(metadata={"description": "A disabled user is logged out everywhere and cannot log in."})
    password = NewPassword()

    @validates_schema(skip_on_field_errors=False)
    def check_password(self, data: dict[str, Any], **_: Any) -> None:
        """Complain about a password that may not be chosen, such as the name of the user."""
        if "password" in data:
            user = accounts.find_user((request.view_args or {})["public_id"])
            check_new_password(data["password"], name=user.name if user else "", member="password")


@blueprint.operation(
    "GET /users", query=Page, answers={200: UserList([ANN], None)}, refuses={403: AdminsOnly.message}
)
def list_users(limit: int, cursor: str | None, name: str) -> Response:
    """List users in the order in which they registered, a page at a time."""
    keys, listing = verifier().keys.current(), ["users", name]
    found = accounts.list_users(after=page_after(keys, listing, cursor), limit=limit + 1, name=name)
    end = page_end(keys, listing, [user.id for user in found], limit)
    return answer(UserList([user_payload(user) for user in found[:limit]], end))


@blueprint.operation(
    "GET /users/<public_id:public_id>",
    answers={200: ANN},
    refuses={403: AdminsOnly.message, 404: NO_SUCH_USER},
)
def show_user(public_id: str) -> Response:
    """Show one user."""
    return answer(user_payload(accounts.find_user(public_id) or abort(404, NO_SUCH_USER)))


@blueprint.operation(
    "PATCH /users/<public_id:public_id>",
    body=UserChange,
    answers={200: ANN},
    refuses={403: AdminsOnly.message, 404: NO_SUCH_USER, 409: LastAdmin.message},
)
def change_user(public_id: str, body: dict[str, Any]) -> Response:
    """Change a user's role, disable or enable it, or give it another password.

    Whoever is disabled or gets another password is logged out everywhere.
    """
    user = accounts.find_user(public_id) or abort(404, NO_SUCH_USER)
    if body:
        user = _change(public_id, body)
    return answer(user_payload(user))


def _change(public_id: str, members: dict[str, Any]) -> UserRow:
    changed = {name: value for name, value in members.items() if name != "password"}
    told = dict(changed)
    if "password" in members:
        changed["password_hash"] = current_app.extensions["hasher"].hash(members["password"])
    now = datetime.now(UTC)
    user = changes.change_user(public_id, changed, by=_admin(), now=now) or abort(404, NO_SUCH_USER)
    security_log.info("user_changed", user=public_id, has_new_password="password" in members, **told)
    return user


@blueprint.operation(
    "DELETE /users/<public_id:public_id>",
    answers={204: None},
    refuses={403: AdminsOnly.message, 404: NO_SUCH_USER, 409: LastAdmin.message},
)
def delete_user(public_id: str) -> Response:
    """Delete a user with everything there is of it, here and in the services that hear of it."""
    if changes.delete_user(public_id, by=_admin(), now=datetime.now(UTC)) is None:
        abort(404, NO_SUCH_USER)
    security_log.info("user_deleted", user=public_id)
    return no_content()


def _admin() -> audit.Actor:
    return audit.Actor(g.identity.public_id, request.remote_addr, g.identity.session_id)
