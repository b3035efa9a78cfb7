"""Owns what admins read of users."""

from flask import Response, abort

from auth_service import users
from auth_service.guards import require_admin, require_session
from auth_service.payloads import ANN, UserList, user_payload
from common.answers import answer
from common.api import Blueprint
from common.auth import require_token, verifier
from common.fields import Cursor, PlainText, QueryNumber, StrictSchema
from common.openapi import TOKEN
from common.pages import page_after, page_end

ONLY_ADMINS = "only an admin may do this"
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


@blueprint.operation(
    "GET /users", query=Page, answers={200: UserList([ANN], None)}, refuses={403: ONLY_ADMINS}
)
def list_users(limit: int, cursor: str | None, name: str) -> Response:
    """List users in the order in which they registered, a page at a time."""
    keys, listing = verifier().keys.current(), ["users", name]
    found = users.list_users(after=page_after(keys, listing, cursor), limit=limit + 1, name=name)
    end = page_end(keys, listing, [user.id for user in found], limit)
    return answer(UserList([user_payload(user) for user in found[:limit]], end))


@blueprint.operation(
    "GET /users/<public_id:public_id>", answers={200: ANN}, refuses={403: ONLY_ADMINS, 404: NO_SUCH_USER}
)
def show_user(public_id: str) -> Response:
    """Show one user."""
    return answer(user_payload(users.find_user(public_id) or abort(404, NO_SUCH_USER)))
