"""Owns what auth asks of its own database about who is there: token, password and role."""

from datetime import UTC, datetime

import structlog
from flask import Response, abort, g, request

from auth_service import limiting
from auth_service.changes import LastAdmin
from auth_service.credentials import basic_credentials, refuse_login
from auth_service.models import db
from auth_service.sessions import find_live_user
from auth_service.users import Checked
from common.auth import require
from common.problems import Refusal, answer

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


def require_password() -> None:
    """Set `g.checked` from HTTP Basic credentials, or refuse with 401 as a login does."""
    if request.method != "OPTIONS":
        g.checked = check_basic()


def check_basic() -> Checked:
    """Return the user whose name and password HTTP Basic gives, or refuse with 401."""
    credentials = basic_credentials()
    if credentials is None:
        refuse_login(None, "no_credentials")
    with limiting.checked(*credentials) as (user, attempt):
        if user.refusal:
            refuse_login(user.public_id, user.refusal)
        attempt.succeeded(now=datetime.now(UTC))
        db.session.commit()
    return user


def refuse_last_admin(error: LastAdmin) -> Response:
    """Answer 409 where a route would leave no admin."""
    log.warning("last_admin_stays")
    return answer(Refusal(409, str(error)))
