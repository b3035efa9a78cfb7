"""The token that one service shows to another: a JWS like a user's, with other rules, for a minute."""

from datetime import timedelta

import jwt

from common.tokens.access import TIMES, Rules, is_for, is_time, read_token
from common.tokens.keys import Key, KeySet

TYPE = "svc+jwt"
ISSUER = "bookstore-books"
AUDIENCE = "bookstore-auth"
LIFETIME = timedelta(seconds=60)


def issue_service_token(key: Key, *, now: float) -> str:
    """Return a new token with which books asks auth."""
    issued_at = int(now)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": ISSUER,
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
    }
    return jwt.encode(claims, key.secret, algorithm="HS256", headers={"typ": TYPE, "kid": key.id})


def verify_service_token(token: str, keys: KeySet, *, now: float) -> None:
    """Raise `InvalidToken` unless the service token is good; an access token is none."""
    read_token(token, keys, TYPE, _RULES, now=now)


_RULES: Rules = {
    "iss": lambda said: said.get("iss") == ISSUER,
    "aud": lambda said: is_for(AUDIENCE, said.get("aud")),
    "sub": lambda said: said.get("sub") == ISSUER,
    **TIMES,
    "exp": lambda said: is_time(said.get("exp")) and said["exp"] - said["iat"] <= LIFETIME.total_seconds(),
}
