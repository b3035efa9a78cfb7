"""The guards in front of a route: from the header to `g.identity`, or 401 (RFC 6750 section 3)."""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

import structlog
from flask import Flask, Response, current_app, g, request
from prometheus_client import Counter

from common.errors import TokenRejected, TokenRevoked
from common.settings import Settings
from common.tokens.access import Claims, UnknownKey, check_times, verify
from common.tokens.keys import Keys, KeySet, load_keys
from common.web.problems import answer_domain_error
from common.web.routes import ApiBlueprint

# OpenAPI's security schemes; /docs gives a token to the first of `TOKEN`.
JWT_SCHEME = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
TOKEN = {
    "bearer": JWT_SCHEME | {"description": "`token` of a login or a registration."},
    "accessToken": {
        "type": "apiKey",
        "in": "header",
        "name": "x-access-tokens",
        "description": "The same token in a header of its own, without a word before it.",
    },
}

T = TypeVar("T")

_rejections = Counter("token_rejections_total", "Tokens refused with 401, by reason.", ["reason"])

log = structlog.get_logger()


class TokenMissing(TokenRejected):
    code = "token-missing"
    message = "a valid token is missing"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="bookstore"'}


@lru_cache(maxsize=4096)  # verified tokens a worker, about 1 KiB each
def _claims(token: str, keys: KeySet) -> Claims:
    """Verify a token; its signature is computed once a worker, as long as the keys are the same."""
    return verify(token, keys, now=time.time())


class Verifier:
    """Verifies tokens with the keys in use, and looks for new ones if it does not know that of a token."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def verify(self, token: str) -> Claims:
        """Return the claims of `token`, or raise `TokenRejected`; its times are checked each time."""
        claims = self.verify_by(_claims, token)
        check_times(claims, now=time.time())
        return claims

    def verify_by(self, rules: Callable[[str, KeySet], T], token: str) -> T:
        """Return what `rules` say of a token under the keys in use, or raise `TokenRejected`."""
        try:
            return rules(token, self.keys.current)
        except UnknownKey:
            self.keys.reload()
            return rules(token, self.keys.current)  # another thread may have found new ones


def init_app(app: Flask, settings: Settings) -> None:
    """Load the keys, or raise `Misconfigured` naming the variable they come from."""
    app.register_error_handler(TokenRejected, answer_rejected)
    if not settings.is_command:
        keys = load_keys(settings)
        app.extensions["verifier"] = Verifier(keys)
        keys.watch()


def verifier() -> Verifier:
    found: Verifier = current_app.extensions["verifier"]
    return found


def require_token() -> None:
    """Set `g.identity` from the request's token, or refuse with 401 (RFC 6750 section 2)."""
    bearer = bearer_token()
    token = request.environ.get("HTTP_X_ACCESS_TOKENS", "").strip(" ") or bearer
    if not token:
        raise TokenMissing("missing")
    if bearer not in ("", token):
        raise TokenRejected("two_tokens")
    g.identity = verifier().verify(token)


def bearer_token() -> str:
    """Return the token of `Authorization: Bearer`, or nothing."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


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


def answer_rejected(error: TokenRejected) -> Response:
    """Answer 401, and count and log the reason, which the client does not read."""
    _rejections.labels(error.reason).inc()
    if not isinstance(error, TokenMissing):
        log.warning("token_rejected", reason=error.reason)
    return answer_domain_error(error)
