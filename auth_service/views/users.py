"""The routes with which admins read and change users."""

from typing import Annotated

from flask import Response, g, request
from pydantic import MISSING, Field, field_validator

from auth_service import audit
from auth_service.passwords.hashing import current_hasher
from auth_service.users.accounts import (
    NameTaken,
    UserNotFound,
    find_credentials,
    find_user,
    find_users,
    get_user,
)
from auth_service.users.changes import AdminsOnly, LastAdmin, erase_user, make_user, update_user
from auth_service.views.access import NewUser
from auth_service.views.authentication import require_admin, require_session
from auth_service.views.schemas import ANN, NewPassword, UserList, check_new_password, user_payload
from common.web.cursors import PageCursor, page_start, write_cursor
from common.web.field_types import PageSize, PlainText, Schema
from common.web.guard import TOKEN, require_token, verifier
from common.web.routes import ApiBlueprint, empty_response, json_response

blueprint = ApiBlueprint(
    "users",
    description="All users, for admins",
    guards=[require_token, require_session, require_admin],
    security=TOKEN,
)


class UserQuery(Schema):
    limit: Annotated[PageSize, Field(description="Users a page.")] = 50
    cursor: PageCursor | MISSING = MISSING
    name: Annotated[PlainText, Field(description="The start of the name, in any case.")] = ""


class NewUserOfAdmin(NewUser):
    """What a registration takes, and the role."""

    admin: bool = False


class UserChange(Schema):
    """How to change a user; what is left out stays as it is."""

    admin: bool | MISSING = Field(MISSING, examples=[True])
    disabled: bool | MISSING = Field(
        MISSING, description="A disabled user is logged out everywhere and cannot log in."
    )
    password: NewPassword | MISSING = MISSING

    @field_validator("password")
    @classmethod
    def check_password(cls, password: str) -> str:
        """Refuse a password that may not be chosen, such as the name of the user."""
        user = find_user((request.view_args or {})["public_id"])
        return check_new_password(password, name=user.name if user else "")


@blueprint.operation("GET /users", responses={200: UserList([ANN], None)}, errors=[AdminsOnly])
def list_users(query: UserQuery) -> Response:
    """List users in the order in which they registered, a page at a time."""
    keys, listing = verifier().keys.current, ["users", query.name]
    start, limit = page_start(keys, listing, query.cursor), query.limit
    found = find_users(after=int(start[0] or 0) if start else 0, limit=limit + 1, name=query.name)
    end = write_cursor(keys, listing, [found[limit - 1].id]) if len(found) > limit else None
    return json_response(UserList([user_payload(user) for user in found[:limit]], end))


@blueprint.operation("POST /users", responses={201: ANN}, errors=[AdminsOnly, NameTaken])
def post_user(body: NewUserOfAdmin) -> Response:
    """Make a user for somebody else, whether registration is open or closed; nobody is logged in."""
    if find_credentials(body.name):  # before a core is taken to hash the password
        raise NameTaken
    user = make_user(body.name, current_hasher().hash(body.password), admin=body.admin, by=_admin())
    audit.log_event("user_made", user=user.public_id, admin=user.admin)
    return json_response(user_payload(user), 201, {"Location": f"/users/{user.public_id}"})


@blueprint.operation(
    "GET /users/<public_id:public_id>", responses={200: ANN}, errors=[AdminsOnly, UserNotFound]
)
def show_user(public_id: str) -> Response:
    """Show one user."""
    return json_response(user_payload(get_user(public_id)))


@blueprint.operation(
    "PATCH /users/<public_id:public_id>", responses={200: ANN}, errors=[AdminsOnly, UserNotFound, LastAdmin]
)
def change_user(public_id: str, body: UserChange) -> Response:
    """Change a user's role, disable or enable it, or give it another password.

    Disabling and a new password log the user out everywhere.
    """
    user = get_user(public_id)
    shown = body.model_dump(exclude={"password"})
    hashed = {} if body.password is MISSING else {"password_hash": current_hasher().hash(body.password)}
    if shown or hashed:
        user = update_user(public_id, shown | hashed, by=_admin())
        audit.log_event("user_changed", user=public_id, has_new_password=bool(hashed), **shown)
    return json_response(user_payload(user))


@blueprint.operation(
    "DELETE /users/<public_id:public_id>", responses={204: None}, errors=[AdminsOnly, UserNotFound, LastAdmin]
)
def delete_user(public_id: str) -> Response:
    """Delete a user with everything there is of it, here and in the services that hear of it."""
    if erase_user(public_id, by=_admin()) is None:
        raise UserNotFound
    audit.log_event("user_deleted", user=public_id)
    return empty_response(204)


def _admin() -> audit.Actor:
    return audit.Actor(g.identity.public_id, request.remote_addr, g.identity.session_id)
