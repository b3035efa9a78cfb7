"""Owns what auth asks of its own database about a token: is the session live, the user an admin."""

import structlog
from flask import abort, g, request

from auth_service.sessions import find_live_user
from common.auth import require

log = structlog.get_logger()


def _check_session() -> str | None:
    user = find_live_user(g.identity.public_id, g.identity.session_id)
    if user is None:
        return "session"
    g.user = user
    return None


require_session = require(_check_session)


def require_admin() -> None:
    """Refuse with 403 whoever is no admin at this moment; a token never says so."""
    if request.method != "OPTIONS" and not g.user.admin:
        log.warning("forbidden", reason="not_admin")
        abort(403, "only an admin may do this")
