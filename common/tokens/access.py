"""Tokens, HS256 JWSs: the access token, the same for every service that verifies it, and that of a service.

The corpus in `contract/` says in data what is accepted and what is not; no Flask in here.
"""

import json
import math
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

import jwt
from jwt.utils import base64url_decode
from pydantic import Field, Strict, TypeAdapter, ValidationError

from common.errors import CHALLENGE, TokenRejected
from common.tokens.keys import Key, KeySet

AUDIENCE = "bookstore"
TYPE = "at+jwt"
ACCESS_LIFETIME = timedelta(minutes=45)
SERVICE_AUDIENCE = "bookstore-auth"
SERVICE_TYPE = "svc+jwt"
SERVICE_LIFETIME = timedelta(seconds=60)
LEEWAY = 30  # seconds, on exp, nbf and iat
MAX_LENGTH = 4096  # bytes

# RFC 7515 section 4.1 and RFC 7797: parameters that would change what is verified, or with which key.
FORBIDDEN_PARAMETERS = frozenset({"crit", "jku", "jwk", "zip", "b64"})
CANONICAL_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

Text = Annotated[str, Field(min_length=1)]
Time = Annotated[float, Strict(), Field(allow_inf_nan=False)]  # RFC 7519 section 2, NumericDate

# What clients put before a token by mistake, and what they then read.
WRAPPINGS = {
    '"': "the token came in quotes",
    "'": "the token came in quotes",
    "bearer ": 'a "Bearer" too many stands before the token',
}

CLAIMS = frozenset({"iss", "aud", "sub", "public_id", "sid", "jti", "iat", "exp", "nbf"})

_jws = jwt.PyJWS(algorithms=["HS256"], options={"verify_signature": True, "enforce_minimum_key_length": True})


class TokenExpired(TokenRejected):
    """A token that keeps every other rule."""

    code = "token-expired"
    headers: Mapping[str, str] = {"WWW-Authenticate": f'{CHALLENGE}, error_description="{code}"'}


class UnknownKey(TokenRejected):
    """A token whose `kid` is in no key: a reason to look at the key file again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """What every token says; times are in seconds since the epoch."""

    subject: Annotated[str, Field(alias="sub")]
    audience: Annotated[str | list[str], Field(alias="aud")]
    issued_at: Annotated[Time, Field(alias="iat")]
    expires_at: Annotated[Time, Field(alias="exp")]
    not_before: Annotated[Time, Field(alias="nbf")] = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims(TokenClaims):
    issuer: Annotated[Literal["bookstore-auth"], Field(alias="iss")]
    public_id: Annotated[str, Field(pattern=f"^{CANONICAL_UUID4.pattern}$")]
    session_id: Annotated[Text, Field(alias="sid")]
    token_id: Annotated[Text, Field(alias="jti")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClaims(TokenClaims):
    issuer: Annotated[str, Field(alias="iss")]


C = TypeVar("C", bound=TokenClaims)

_claims = TypeAdapter(Claims)
_service_claims = TypeAdapter(ServiceClaims)


def issue(key: Key, *, public_id: str, session_id: str, now: float) -> str:
    """Return a new access token of the user, signed by `key`; `now` is in seconds since the epoch."""
    own = {"sub": public_id, "public_id": public_id, "sid": session_id, "jti": str(uuid.uuid4())}
    claims = {"iss": "bookstore-auth", "aud": AUDIENCE, **own}
    return sign_token(claims, key, TYPE, lifetime=ACCESS_LIFETIME, now=now)


def issue_service_token(key: Key, *, service: str, now: float) -> str:
    """Return a token of `service`, such as `books`, to be shown to auth."""
    claims = {"iss": issuer_of(service), "sub": issuer_of(service), "aud": SERVICE_AUDIENCE}
    return sign_token(claims, key, SERVICE_TYPE, lifetime=SERVICE_LIFETIME, now=now)


def issuer_of(service: str) -> str:
    return f"bookstore-{service}"


def sign_token(claims: dict[str, str], key: Key, kind: str, *, lifetime: timedelta, now: float) -> str:
    """Return a token of the type `kind` with these claims; it begins `now`, in seconds since 1970."""
    times = {"iat": int(now), "exp": int(now) + int(lifetime.total_seconds())}
    headers = {"typ": kind, "kid": key.id}
    return jwt.encode(claims | times, key.secret, algorithm="HS256", headers=headers)


def verify(token: str, keys: KeySet, *, now: float) -> Claims:
    """Return the claims of the access token, or raise `TokenRejected`; `now` is in seconds since 1970."""
    claims = read_token(token, keys, TYPE, _claims, audience=AUDIENCE)
    if claims.subject != claims.public_id:
        raise TokenRejected("claim_sub")
    check_times(claims, now=now)
    return claims


def verify_service_token(token: str, keys: KeySet, *, services: Collection[str], now: float) -> None:
    """Raise `TokenRejected` unless the token is a good one of `services`; an access token is none."""
    claims = read_token(token, keys, SERVICE_TYPE, _service_claims, audience=SERVICE_AUDIENCE)
    if claims.issuer not in map(issuer_of, services):
        raise TokenRejected("claim_iss")
    if claims.subject != claims.issuer:
        raise TokenRejected("claim_sub")
    if claims.expires_at - claims.issued_at > SERVICE_LIFETIME.total_seconds():
        raise TokenRejected("claim_exp")
    check_times(claims, now=now)


def read_token(token: str, keys: KeySet, kind: str, rules: TypeAdapter[C], *, audience: str) -> C:
    """Return the claims of a signed token of the type `kind` for `audience`; their times are not checked."""
    try:
        members = _open(token, keys, kind)
        # All others are ignored, even where their name is none that pydantic takes.
        claims = rules.validate_python({name: members[name] for name in CLAIMS & members.keys()})
    except ValidationError as error:
        raise TokenRejected(f"claim_{error.errors()[0]['loc'][0]}") from error
    if audience not in ([claims.audience] if isinstance(claims.audience, str) else claims.audience):
        raise TokenRejected("claim_aud")
    return claims


def check_times(claims: TokenClaims, *, now: float) -> None:
    """Raise `TokenRejected` unless `now` lies within the token's times, give or take `LEEWAY`.

    Call it last: what has expired, and breaks no other rule, is `TokenExpired`.
    """
    if now < claims.not_before - LEEWAY or now < claims.issued_at - LEEWAY:
        raise TokenRejected("not_yet_valid")
    if now >= claims.expires_at + LEEWAY:
        raise TokenExpired("expired")


def _open(token: str, keys: KeySet, kind: str) -> Mapping[str, Any]:
    for start, detail in WRAPPINGS.items():
        if token.lower().startswith(start):
            raise TokenRejected("malformed", detail)
    if len(token) > MAX_LENGTH:
        raise TokenRejected("size")
    try:
        if not token.isascii() or "=" in token or token.count(".") != 2:
            raise ValueError("no three segments of base64url")
        key = _find_key(_parse_object(base64url_decode(token.partition(".")[0])), keys, kind)
        return _parse_object(_jws.decode(token, key.secret, algorithms=["HS256"]))
    except jwt.InvalidSignatureError as error:
        raise TokenRejected("signature") from error
    except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError, RecursionError) as error:
        raise TokenRejected("malformed") from error


def _parse_object(data: bytes) -> Mapping[str, Any]:
    """Return the JSON object in `data`: UTF-8, each name once (RFC 7515 section 4), finite numbers."""
    # `int` takes neither NaN nor Infinity.
    value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=int)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _find_key(header: Mapping[str, Any], keys: KeySet, kind: str) -> Key:
    if header.get("alg") != "HS256":
        raise TokenRejected("algorithm")
    if header.get("typ") != kind:
        raise TokenRejected("type")
    if any(name in FORBIDDEN_PARAMETERS or name.startswith("x5") for name in header):
        raise TokenRejected("header")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise TokenRejected("key")
    if kid not in keys.verifying:
        raise UnknownKey("key")
    return keys.verifying[kid]
