"""The guard that refuses a verified token whose session has ended or whose user was deleted."""

from flask import current_app, g

from common.web.guard import require


def _check_revoked() -> str | None:
    reason: str | None = current_app.extensions["revocations"].refusal(g.identity)
    return reason


require_not_revoked = require(_check_revoked)
