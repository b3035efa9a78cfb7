"""Owns what a client does with a refresh token: it asks for new tokens, or logs out."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, current_app

from auth_service import security_log
from auth_service.sessions import refreshing
from auth_service.views import granting
from auth_service.views.fields import RefreshTokenText
from auth_service.views.schemas import SOME_TOKENS, LoggedOut
from common.errors import TokenRejected
from common.web.answers import answer
from common.web.fields import StrictSchema
from common.web.routes import Blueprint

blueprint = Blueprint(
    "refresh", __name__, description="New tokens for a refresh token, and logging out with it"
)


class Holder(StrictSchema):
    """Whoever holds a refresh token."""

    refresh_token = RefreshTokenText()


@blueprint.operation(
    "POST /refresh", body=Holder, answers={200: SOME_TOKENS}, refuses={401: TokenRejected.message}
)
def refresh(body: dict[str, Any]) -> Response:
    """Give new tokens for a refresh token, which is good until the next one is used.

    One that was used before that ends the session: it was stolen, or its thief was faster.
    """
    settings, now = current_app.extensions["settings"], datetime.now(UTC)
    grant, public_id = refreshing.refresh(body["refresh_token"], settings, client=granting.client(), now=now)
    security_log.info("refresh", public_id=public_id)
    return answer(granting.tokens(public_id, grant, now=now))


@blueprint.operation("POST /logout", body=Holder, answers={200: LoggedOut()})
def log_out(body: dict[str, Any]) -> Response:
    """End the session that the refresh token was issued for, however long ago; an unknown one ends none."""
    public_id = refreshing.log_out(body["refresh_token"], now=datetime.now(UTC))
    if public_id:
        security_log.info("logout", public_id=public_id)
    return answer(LoggedOut())
