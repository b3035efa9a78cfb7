"""Owns the token that one service shows to another: a JWS like a user's, with other rules, for a minute."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt

from common.tokens.access import (
    InvalidToken,
    Rules,
    Times,
    check_claims,
    check_times,
    holds,
    is_time,
    open_token,
)
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


def verify_service_token(token: str, keys: KeySet, *, now: float) -> Times:
    """Return when the service token is good, or raise `InvalidToken`; an access token is none."""
    times = _times(open_token(token, keys, TYPE))
    check_times(times, now=now)
    return times


def _times(members: Mapping[str, Any]) -> Times:
    check_claims(members, _RULES)
    if members["exp"] - members["iat"] > LIFETIME.total_seconds():
        raise InvalidToken("claim_exp")
    return Times(
        issued_at=members["iat"],
        expires_at=members["exp"],
        not_before=members.get("nbf", -math.inf),
    )


_RULES: Rules = {
    "iss": lambda value: value == ISSUER,
    "aud": holds(AUDIENCE),
    "sub": lambda value: value == ISSUER,
    "iat": is_time,
    "exp": is_time,
}
