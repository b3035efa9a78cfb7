"""The routes that show a user's sessions, and end them."""

from flask import Response, g

from auth_service import audit
from auth_service.models import db
from auth_service.sessions.ending import END_ALL, END_LIVE_ONE, LOCK_USER, end_sessions
from auth_service.sessions.lifecycle import find_live_sessions
from auth_service.views.authentication import require_session
from auth_service.views.schemas import A_SESSION, SessionList, SessionPayload
from common.errors import NotFound
from common.web.guard import TOKEN, require_token
from common.web.responses import empty_response, json_response
from common.web.routes import ApiBlueprint

BY_USER = "ended by the user"

blueprint = ApiBlueprint(
    "sessions",
    description="Where the user is logged in",
    guards=[require_token, require_session],
    security=TOKEN,
)


class SessionNotFound(NotFound):
    message = "session does not exist"


@blueprint.operation("GET /sessions", responses={200: SessionList([A_SESSION])})
def list_sessions() -> Response:
    """List the live sessions of the user."""
    current = g.identity.session_id
    found = find_live_sessions(g.user.id)
    shown = [SessionPayload(current=each["id"] == current, **each) for each in found]
    return json_response(SessionList(shown))


@blueprint.operation("DELETE /sessions", responses={204: None})
def end_all_sessions() -> Response:
    """End every session of the user, this one too."""
    user = {"of_user": g.user.id}
    with db.write() as connection:
        connection.execute(LOCK_USER, user).all()
        ended = end_sessions(connection, END_ALL, why=BY_USER, **user)
    audit.log_event("session_ended", count=len(ended))
    return empty_response(204)


@blueprint.operation(
    "DELETE /sessions/<public_id:session_id>", responses={204: None}, errors=[SessionNotFound]
)
def end_session(session_id: str) -> Response:
    """End one live session of the user."""
    one = {"of_user": g.user.id, "of_session": session_id}
    with db.write() as connection:
        if not end_sessions(connection, END_LIVE_ONE, why=BY_USER, **one):
            raise SessionNotFound
    audit.log_event("session_ended", count=1)
    return empty_response(204)
