"""What the routes of a shelf have in common: their guard, whose shelf it is, and the ids in their paths."""

from datetime import UTC, datetime
from typing import ClassVar

from flask import current_app, g
from werkzeug.routing import BaseConverter

from books_service.shelf.find import BookPayload
from common.errors import TokenRevoked
from common.web.guard import TOKEN, require_token
from common.web.routes import ApiBlueprint

MAX_ID = 2**63 - 1
MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ERIC = BookPayload(1, "Eric", "Terry Pratchett", "Gollancz", 12, MADE_AT, MADE_AT)


def require_not_revoked() -> None:
    """Raise `TokenRevoked` for the token of a session that is over or of a user who was deleted."""
    if reason := current_app.extensions["revocations"].refusal(g.identity):
        raise TokenRevoked(reason)


def shelf_blueprint(name: str, description: str) -> ApiBlueprint:
    """Return a blueprint whose routes are for the user of a token alone."""
    guards = [require_token, require_not_revoked]
    return ApiBlueprint(name, description=description, guards=guards, security=TOKEN)


def owner() -> str:
    """Return the `public_id` of the caller."""
    return str(g.identity.public_id)


def capacity() -> int:
    """Return how many books a shelf may hold."""
    return int(current_app.extensions["settings"].books_per_user)


def numbers_up_to(highest: int) -> str:
    """Return the regular expression of the decimal numbers from 1 to `highest`, without leading zeros."""
    digits = str(highest)
    choices = [digits, rf"[1-9][0-9]{{0,{len(digits) - 2}}}"]
    for place, digit in enumerate(digits):
        lowest = 0 if place else 1
        if int(digit) > lowest:
            rest = len(digits) - place - 1
            choices.append(rf"{digits[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{rest}}}")
    return f"(?:{'|'.join(choices)})"


class RowId(BaseConverter):
    """A decimal number from 1 to 2^63-1: ASCII digits, no sign, no leading zero; all else is 404."""

    # The expression alone decides: what `to_python` refuses is 405 where another method was looked at first.
    regex = numbers_up_to(MAX_ID)
    schema: ClassVar = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}

    def to_python(self, value: str) -> int:
        return int(value)
