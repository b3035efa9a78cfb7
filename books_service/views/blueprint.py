"""What the routes of a shelf have in common: the guard in front of them, and whose shelf it is."""

from datetime import UTC, datetime

from flask import current_app, g, request

from books_service.settings import BooksSettings
from books_service.shelf.find import BookPayload
from common.errors import TokenRejected
from common.web.guard import require_token
from common.web.openapi import TOKEN
from common.web.routes import ApiBlueprint

MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ERIC = BookPayload(1, "Eric", "Terry Pratchett", "Gollancz", 12, MADE_AT, MADE_AT)


def require_not_revoked() -> None:
    """Refuse the token of a session that is over or of a user who was deleted."""
    if request.method != "OPTIONS" and (reason := current_app.extensions["revocations"].refusal(g.identity)):
        raise TokenRejected(reason)


def shelf_blueprint(name: str, description: str) -> ApiBlueprint:
    """Return a blueprint whose routes are for the user of a token alone."""
    guards = [require_token, require_not_revoked]
    return ApiBlueprint(name, __name__, description=description, guards=guards, security=TOKEN)


def owner() -> str:
    """Return the `public_id` of the caller."""
    public_id: str = g.identity.public_id
    return public_id


def capacity() -> int:
    """Return how many books a shelf may hold."""
    settings: BooksSettings = current_app.extensions["settings"]
    return settings.books_per_user
