"""The token that one service shows to another: a JWS like a user's, with other rules, for a minute."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from common.errors import TokenRejected
from common.tokens.access import TokenClaims, check_times, read_token, sign_token
from common.tokens.keys import Key, KeySet

TYPE = "svc+jwt"
AUDIENCE = "bookstore-auth"
LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClaims(TokenClaims):
    issuer: Annotated[Literal["bookstore-books"], Field(alias="iss")]
    subject: Annotated[Literal["bookstore-books"], Field(alias="sub")]


_claims = TypeAdapter(ServiceClaims)


def issue_service_token(key: Key, *, now: float) -> str:
    claims = {"iss": "bookstore-books", "sub": "bookstore-books", "aud": AUDIENCE}
    return sign_token(claims, key, TYPE, lifetime=LIFETIME, now=now)


def verify_service_token(token: str, keys: KeySet, *, now: float) -> None:
    """Raise `TokenRejected` unless the service token is good; an access token is none."""
    claims = read_token(token, keys, TYPE, _claims, audience=AUDIENCE)
    if claims.expires_at - claims.issued_at > LIFETIME.total_seconds():
        raise TokenRejected("claim_exp")
    check_times(claims, now=now)
