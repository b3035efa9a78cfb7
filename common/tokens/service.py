"""The token that one service shows to another: a JWS like a user's, with other rules, for a minute."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter

from common.errors import TokenRejected
from common.tokens.access import TokenClaims, check_times, read_token, sign_token
from common.tokens.keys import Key, KeySet

TYPE = "svc+jwt"
AUDIENCE = "bookstore-auth"
LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClaims(TokenClaims):
    issuer: Annotated[str, Field(alias="iss")]
    subject: Annotated[str, Field(alias="sub")]


_claims = TypeAdapter(ServiceClaims)


def issuer_of(service: str) -> str:
    return f"bookstore-{service}"


def issue_service_token(key: Key, *, service: str, now: float) -> str:
    """Return a token of `service`, such as `books`, to be shown to auth."""
    claims = {"iss": issuer_of(service), "sub": issuer_of(service), "aud": AUDIENCE}
    return sign_token(claims, key, TYPE, lifetime=LIFETIME, now=now)


def verify_service_token(token: str, keys: KeySet, *, services: Collection[str], now: float) -> None:
    """Raise `TokenRejected` unless the token is a good one of `services`; an access token is none."""
    claims = read_token(token, keys, TYPE, _claims, audience=AUDIENCE)
    if claims.issuer not in map(issuer_of, services):
        raise TokenRejected("claim_iss")
    if claims.subject != claims.issuer:
        raise TokenRejected("claim_sub")
    if claims.expires_at - claims.issued_at > LIFETIME.total_seconds():
        raise TokenRejected("claim_exp")
    check_times(claims, now=now)
