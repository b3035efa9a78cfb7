"""What the routes of a shelf have in common: an example, and how many books there may be."""

from datetime import UTC, datetime

from flask import current_app

from books_service.shelf.find import BookPayload

MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ERIC = BookPayload(1, "Eric", "Terry Pratchett", "Gollancz", 12, MADE_AT, MADE_AT)


def capacity() -> int:
    """Return how many books a shelf may hold."""
    return int(current_app.extensions["settings"].books_per_user)
