"""Owns what a client does with a refresh token: it asks for new tokens, or logs out."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, current_app

from auth_service import security
from auth_service.sessions import refreshing
from auth_service.views import granting
from auth_service.views.fields import RefreshTokenText
from auth_service.views.schemas import SOME_TOKENS, LoggedOut
from common.web.answers import answer
from common.web.fields import StrictSchema
from common.web.guard import refuse_token
from common.web.routes import Blueprint

INVALID = "token is invalid"

blueprint = Blueprint(
    "refresh", __name__, description="New tokens for a refresh token, and logging out with it"
)


class Holder(StrictSchema):
    """Whoever holds a refresh token."""

    refresh_token = RefreshTokenText()


@blueprint.operation("POST /refresh", body=Holder, answers={200: SOME_TOKENS}, refuses={401: INVALID})
def refresh(body: dict[str, Any]) -> Response:
    """Give new tokens for a refresh token, which is good until the next one is used.

    One that was used before that ends the session: it was stolen, or its thief was faster.
    """
    settings, now = current_app.extensions["settings"], datetime.now(UTC)
    try:
        grant, token = refreshing.refresh(body["refresh_token"], settings, client=granting.client(), now=now)
    except refreshing.Refused as error:
        if error.token and error.reason == refreshing.REUSED:
            security.warn(
                "refresh_reused", public_id=error.token.public_id, session_id=error.token.session_id
            )
        refuse_token(error.reason)
    security.note("refresh", public_id=token.public_id)
    return answer(granting.tokens(token.public_id, grant, now=now))


@blueprint.operation("POST /logout", body=Holder, answers={200: LoggedOut()})
def log_out(body: dict[str, Any]) -> Response:
    """End the session that the refresh token was issued for, however long ago; an unknown one ends none."""
    token = refreshing.log_out(body["refresh_token"], now=datetime.now(UTC))
    if token:
        security.note("logout", public_id=token.public_id)
    return answer(LoggedOut())
