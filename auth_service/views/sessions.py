"""The routes that show a user's sessions, and end them."""

from flask import Response, g
from sqlalchemy import RowMapping

from auth_service import security_log
from auth_service.sessions import ending, lifecycle
from auth_service.sessions.ending import SessionNotFound
from auth_service.views.authentication import require_session
from auth_service.views.schemas import A_SESSION, SessionList, SessionPayload
from common.web.guard import require_token
from common.web.openapi import TOKEN
from common.web.responses import json_response, no_content
from common.web.routes import ApiBlueprint

blueprint = ApiBlueprint(
    "sessions",
    __name__,
    description="Where the user is logged in",
    guards=[require_token, require_session],
    security=TOKEN,
)


@blueprint.operation("GET /sessions", responses={200: SessionList([A_SESSION])})
def list_sessions() -> Response:
    """List the live sessions of the user."""
    found = lifecycle.list_sessions(g.user.id)
    return json_response(SessionList([_payload(session) for session in found]))


def _payload(session: RowMapping) -> SessionPayload:
    return SessionPayload(current=session["id"] == g.identity.session_id, **session)


@blueprint.operation("DELETE /sessions", responses={204: None})
def end_all_sessions() -> Response:
    """End every session of the user, this one too."""
    ended = ending.end_all_sessions(g.user.id)
    security_log.info("session_ended", count=ended)
    return no_content()


@blueprint.operation(
    "DELETE /sessions/<public_id:session_id>", responses={204: None}, errors=[SessionNotFound]
)
def end_session(session_id: str) -> Response:
    """End one live session of the user."""
    ending.end_own_session(g.user.id, session_id)
    security_log.info("session_ended", count=1)
    return no_content()
