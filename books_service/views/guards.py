"""Owns what books asks about a verified token: whether it has heard of the end of its session or its user."""

from flask import current_app, g

from common.web.guard import require


def _check_ended() -> str | None:
    reason: str | None = current_app.extensions["ended"].refusal(g.identity)
    return reason


require_not_ended = require(_check_ended)
