"""The access token: an HS256 JWS, the same for every service that verifies it.

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

Rules = Mapping[str, Callable[[Mapping[str, Any]], bool]]  # of each claim, which sees them all

_jws = jwt.PyJWS(algorithms=["HS256"], options={"verify_signature": True, "enforce_minimum_key_length": True})


class InvalidToken(Exception):
    """A token that is refused; `reason` is one word for logs and metrics, never shown to the client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(InvalidToken):
    """A token whose `kid` is in no key: a reason to look at the key file again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified access token says; times are in seconds since the epoch."""

    issued_at: float
    expires_at: float
    not_before: float  # -inf if the token does not say
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
    members = read_token(token, keys, TYPE, _RULES, now=now)
    return Claims(
        public_id=members["public_id"],
        session_id=members["sid"],
        token_id=members["jti"],
        issued_at=members["iat"],
        expires_at=members["exp"],
        not_before=members.get("nbf", -math.inf),
    )


def check_times(claims: Claims, *, now: float) -> None:
    """Raise `InvalidToken` unless `now` lies within the token's times, give or take `LEEWAY`."""
    _check_times(claims.issued_at, claims.expires_at, claims.not_before, now=now)


def read_token(token: str, keys: KeySet, kind: str, rules: Rules, *, now: float) -> Mapping[str, Any]:
    """Return the claims of a token of the type `kind` that is signed, keeps the rules and is good `now`."""
    members = _open(token, keys, kind)
    for name, is_right in rules.items():
        if not is_right(members):
            raise InvalidToken(f"claim_{name}")
    _check_times(members["iat"], members["exp"], members.get("nbf", -math.inf), now=now)
    return members


def _check_times(issued_at: float, expires_at: float, not_before: float, *, now: float) -> None:
    if now >= expires_at + LEEWAY:
        raise InvalidToken("expired")
    if now < not_before - LEEWAY or now < issued_at - LEEWAY:
        raise InvalidToken("not_yet_valid")


def _open(token: str, keys: KeySet, kind: str) -> Mapping[str, Any]:
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


def is_time(value: object) -> bool:
    """Return whether the value is a finite number (RFC 7519 section 2, NumericDate)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def is_for(audience: str, value: object) -> bool:
    """Return whether an `aud` is `audience`, or a list with it."""
    if isinstance(value, list):
        return all(map(_is_text, value)) and audience in value
    return value == audience


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_user(value: object) -> bool:
    return isinstance(value, str) and CANONICAL_UUID4.fullmatch(value) is not None


TIMES: Rules = {  # of every token
    "iat": lambda said: is_time(said.get("iat")),
    "exp": lambda said: is_time(said.get("exp")),
    "nbf": lambda said: is_time(said.get("nbf", 0)),
}
_RULES: Rules = {
    "iss": lambda said: said.get("iss") == ISSUER,
    "aud": lambda said: is_for(AUDIENCE, said.get("aud")),
    "public_id": lambda said: _is_user(said.get("public_id")),
    "sub": lambda said: said.get("sub") == said["public_id"],
    "sid": lambda said: _is_text(said.get("sid")),
    "jti": lambda said: _is_text(said.get("jti")),
    **TIMES,
}
