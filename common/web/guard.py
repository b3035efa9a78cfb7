"""The guard in front of a route: header to `g.identity`, or 401 (RFC 6750 section 3)."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Never, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request

from common.errors import TokenRejected
from common.ops import metrics
from common.settings import Settings
from common.tokens.access import Claims, InvalidToken, UnknownKey, check_times, verify
from common.tokens.keys import Keys, KeySet, load_keys
from common.tokens.service import verify_service_token
from common.web.problems import DETAILS, Problem, answer_domain_error

CHALLENGE = 'Bearer realm="bookstore"'
MAX_REMEMBERED = 4096  # verified tokens a worker, about 1 KiB each

T = TypeVar("T")

log = structlog.get_logger()


class Verifier:
    """Verifies tokens, and keeps the claims of good ones, so that a signature is computed once a worker.

    The times of a token are checked each time, and all claims are forgotten when the keys change.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        # One tuple, replaced as a whole: a thread never sees the claims of one set beside another set.
        self._known: tuple[KeySet, dict[str, Claims]] = (keys.current(), {})

    def verify(self, token: str) -> Claims:
        """Return the claims of `token`, or raise `InvalidToken`."""
        now = time.time()
        keys = self.keys.current()
        known = self._remembered(keys)
        claims = known.get(token)
        if claims is not None:
            check_times(claims, now=now)
            return claims
        claims = self._verify(verify, token, keys, now)
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[token] = claims
        return claims

    def verify_service(self, token: str) -> None:
        """Raise `InvalidToken` unless a service of ours made `token` for this one; it is good once."""
        self._verify(verify_service_token, token, self.keys.current(), time.time())

    def _verify(self, rules: Callable[..., T], token: str, keys: KeySet, now: float) -> T:
        try:
            return rules(token, keys, now=now)
        except UnknownKey:
            self.keys.reload()
            newest = self.keys.current()  # which another thread may have found
            if newest is keys:
                raise
            return rules(token, newest, now=now)

    def _remembered(self, keys: KeySet) -> dict[str, Claims]:
        known_under, known = self._known
        if keys is not known_under:
            known = {}
            self._known = (keys, known)
        return known


def init_app(app: Flask, settings: Settings) -> None:
    """Load the keys, or raise `Misconfigured` naming the variable they come from."""
    app.register_error_handler(TokenRejected, answer_rejected)
    app.register_error_handler(InvalidToken, lambda error: answer_rejected(TokenRejected(error.reason)))
    if settings.is_command:
        return
    keys = load_keys(settings)
    app.extensions["verifier"] = Verifier(keys)
    keys.watch()


def verifier() -> Verifier:
    """Return the verifier of the current application."""
    found: Verifier = current_app.extensions["verifier"]
    return found


def require_token() -> None:
    """Set `g.identity` from the request's token, or refuse with 401; a CORS preflight carries no token."""
    environ = request.environ
    if environ["REQUEST_METHOD"] != "OPTIONS":
        g.identity = verifier().verify(_token(environ) or _refuse_missing())


def require_service_token() -> None:
    """Refuse with 401 what is no service of ours; its token comes as `Bearer` and in no other way."""
    environ = request.environ
    if environ["REQUEST_METHOD"] != "OPTIONS":
        verifier().verify_service(_bearer(environ) or _refuse_missing())


def _token(environ: Mapping[str, Any]) -> str | None:
    """Return the token of the request, or None; two that differ are no valid token (RFC 6750 section 2)."""
    bearer = _bearer(environ)
    header = environ.get("HTTP_X_ACCESS_TOKENS", "").strip(" ")
    if bearer and header and bearer != header:
        raise TokenRejected("two_tokens")
    return bearer or header or None


def _bearer(environ: Mapping[str, Any]) -> str:
    scheme, _, bearer = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return bearer.strip(" ") if scheme.lower() == "bearer" else ""


def _refuse_missing() -> Never:
    metrics.token_rejected("missing")
    raise Problem(401, DETAILS[401], headers={"WWW-Authenticate": CHALLENGE})


def answer_rejected(error: TokenRejected) -> Response:
    """Answer 401, and count and log the reason, which the client does not read."""
    metrics.token_rejected(error.reason)
    log.warning("token_rejected", reason=error.reason)
    return answer_domain_error(error)
