"""Owns the access token: an HS256 JWS, the same for every service that verifies it.

The corpus in `contract/` says in data what is accepted and what is not; no Flask in here.
"""

import json
import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Never

import jwt
from jwt.utils import base64url_decode

from common.tokens.keys import Key, KeySet

ISSUER = "bookstore-auth"
AUDIENCE = "bookstore"
TYPE = "at+jwt"
ACCESS_LIFETIME = timedelta(minutes=45)
LEEWAY = 30  # seconds, on exp, nbf and iat
MAX_LENGTH = 4096  # bytes

# RFC 7515 section 4.1 and RFC 7797: parameters that would change what is verified, or with which key.
FORBIDDEN_PARAMETERS = frozenset({"crit", "jku", "jwk", "zip", "b64"})
CANONICAL_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

Rules = Mapping[str, Callable[[object], bool]]

_jws = jwt.PyJWS(algorithms=["HS256"], options={"verify_signature": True, "enforce_minimum_key_length": True})


class InvalidToken(Exception):
    """A token that is refused; `reason` is one word for logs and metrics, never shown to the client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(InvalidToken):
    """A token whose `kid` is in no key: a reason to look at the key file again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When a verified token is good, in seconds since the epoch."""

    issued_at: float
    expires_at: float
    not_before: float  # -inf if the token does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims(Times):
    """What a verified access token says."""

    public_id: str
    session_id: str
    token_id: str


def issue(key: Key, *, public_id: str, session_id: str, now: float) -> str:
    """Return a new access token of the user, signed by `key`; `now` is in seconds since the epoch."""
    issued_at = int(now)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": public_id,
        "public_id": public_id,
        "sid": session_id,
        "jti": str(uuid.uuid4()),
        "iat": issued_at,
        "exp": issued_at + int(ACCESS_LIFETIME.total_seconds()),
    }
    return jwt.encode(claims, key.secret, algorithm="HS256", headers={"typ": TYPE, "kid": key.id})


def verify(token: str, keys: KeySet, *, now: float) -> Claims:
    """Return the claims of the access token, or raise `InvalidToken`; `now` is in seconds since the epoch."""
    claims = _claims(open_token(token, keys, TYPE))
    check_times(claims, now=now)
    return claims


def open_token(token: str, keys: KeySet, kind: str) -> Mapping[str, Any]:
    """Return what a token of the type `kind` says, once its signature is verified."""
    if len(token) > MAX_LENGTH:
        raise InvalidToken("size")
    header = _object(token.partition(".")[0])
    key = _key(header, keys, kind)
    try:
        payload = _jws.decode(token, key.secret, algorithms=["HS256"])
    except jwt.InvalidSignatureError as error:
        raise InvalidToken("signature") from error
    except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError) as error:
        raise InvalidToken("malformed") from error
    if token.count(".") != 2 or "=" in token:
        raise InvalidToken("malformed")
    return _parse(payload)


def check_times(claims: Times, *, now: float) -> None:
    """Raise `InvalidToken` unless `now` lies within the token's times, give or take `LEEWAY`."""
    if now >= claims.expires_at + LEEWAY:
        raise InvalidToken("expired")
    if now < claims.not_before - LEEWAY or now < claims.issued_at - LEEWAY:
        raise InvalidToken("not_yet_valid")


def _object(segment: str) -> Mapping[str, Any]:
    if not segment.isascii() or "=" in segment:
        raise InvalidToken("malformed")
    try:
        return _parse(base64url_decode(segment))
    except ValueError as error:
        raise InvalidToken("malformed") from error


def _parse(data: bytes) -> Mapping[str, Any]:
    """Return the JSON object in `data`: UTF-8, each name once (RFC 7515 section 4), finite numbers."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidToken("malformed") from error
    if not isinstance(value, dict):
        raise InvalidToken("malformed")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _key(header: Mapping[str, Any], keys: KeySet, kind: str) -> Key:
    if header.get("alg") != "HS256":
        raise InvalidToken("algorithm")
    if header.get("typ") != kind:
        raise InvalidToken("type")
    if any(name in FORBIDDEN_PARAMETERS or name.startswith("x5") for name in header):
        raise InvalidToken("header")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise InvalidToken("key")
    if kid not in keys.verifying:
        raise UnknownKey("key")
    return keys.verifying[kid]


def _claims(members: Mapping[str, Any]) -> Claims:
    check_claims(members, _RULES)
    if members["sub"] != members["public_id"]:
        raise InvalidToken("claim_sub")
    return Claims(
        public_id=members["public_id"],
        session_id=members["sid"],
        token_id=members["jti"],
        issued_at=members["iat"],
        expires_at=members["exp"],
        not_before=members.get("nbf", -math.inf),
    )


def check_claims(members: Mapping[str, Any], rules: Rules) -> None:
    """Raise `InvalidToken` for a claim that is not there or breaks its rule; `nbf` need not be there."""
    for name, is_right in rules.items():
        if not is_right(members.get(name)):
            raise InvalidToken(f"claim_{name}")
    if "nbf" in members and not is_time(members["nbf"]):
        raise InvalidToken("claim_nbf")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def is_time(value: object) -> bool:
    """Tell whether the value is a finite number (RFC 7519 section 2, NumericDate)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_user(value: object) -> bool:
    return isinstance(value, str) and CANONICAL_UUID4.fullmatch(value) is not None


def holds(audience: str) -> Callable[[object], bool]:
    """Return the rule of an `aud` that is `audience`, or a list with it."""

    def is_right(value: object) -> bool:
        if isinstance(value, list):
            return all(_is_text(item) for item in value) and audience in value
        return value == audience

    return is_right


_RULES: Rules = {
    "iss": lambda value: value == ISSUER,
    "aud": holds(AUDIENCE),
    "sub": _is_user,
    "public_id": _is_user,
    "sid": _is_text,
    "jti": _is_text,
    "iat": is_time,
    "exp": is_time,
}
