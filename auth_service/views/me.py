"""Owns what a user reads of itself."""

from flask import Response, g

from auth_service.guards import require_session
from auth_service.payloads import ANN, user_payload
from common.answers import answer
from common.api import Blueprint
from common.auth import require_token
from common.openapi import TOKEN

blueprint = Blueprint(
    "me",
    __name__,
    description="The user whom the token names",
    guards=[require_token, require_session],
    security=TOKEN,
)


@blueprint.operation("GET /me", answers={200: ANN})
def show_me() -> Response:
    """Show the user whom the token names."""
    return answer(user_payload(g.user))
