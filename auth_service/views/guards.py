"""Owns what auth asks of its own database about who is there: token, password and role."""

from datetime import UTC, datetime

import structlog
from flask import g, request

from auth_service.models import db
from auth_service.sessions.lifecycle import find_live_user
from auth_service.users.accounts import Checked, lock_unchanged
from auth_service.users.rights import AdminsOnly
from auth_service.views import limiting
from auth_service.views.credentials import basic_credentials, refuse_login
from common.web.guard import require

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
        raise AdminsOnly


def require_basic() -> None:
    """Set `g.credentials` from HTTP Basic, or refuse with 401 as a login does; nothing is compared yet."""
    if request.method != "OPTIONS":
        g.credentials = basic_credentials() or refuse_login(None, "no_credentials")


def check_basic() -> Checked | None:
    """Return the user whose name and password HTTP Basic gives, or refuse with 401.

    Return None if it was changed after its password was found right; whoever is gone leaves nothing behind.
    """
    with limiting.checked(*g.credentials) as (user, attempt):
        if user.refusal:
            refuse_login(user.public_id, user.refusal)
        with db.write() as connection:
            if lock_unchanged(connection, user) is None:
                return None
            attempt.succeeded(connection, now=datetime.now(UTC))
    return user
