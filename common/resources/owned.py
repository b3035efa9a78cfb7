"""Routes of what a user owns: they need a token that is not revoked, and it says whose the rows are."""

from flask import current_app, g

from common.errors import TokenRevoked
from common.web.guard import TOKEN, require_token
from common.web.routes import ApiBlueprint


def require_not_revoked() -> None:
    """Raise `TokenRevoked` for the token of a session that is over or of a user who was deleted."""
    if reason := current_app.extensions["revocations"].refusal(g.identity):
        raise TokenRevoked(reason)


def owned_blueprint(name: str, description: str) -> ApiBlueprint:
    """Return a blueprint whose routes are for the user of a token alone."""
    guards = [require_token, require_not_revoked]
    return ApiBlueprint(name, description=description, guards=guards, security=TOKEN)


def owner() -> str:
    """Return the `public_id` of the caller."""
    return str(g.identity.public_id)
