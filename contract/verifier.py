"""Verifies access tokens of the bookstore with PyJWT alone, for services in other repositories.

Copy it. It passes the whole corpus in this folder, see tests/contract/test_corpus.py.
"""

import json
import re
import time
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Never

import jwt
from jwt.utils import base64url_decode, base64url_encode

FORBIDDEN = re.compile(r"crit|jku|jwk|zip|b64|x5.*", re.DOTALL)  # change what is verified, or by which key
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TEXTS = ("iss", "sub", "public_id", "sid", "jti")
TIMES = ("iat", "exp", "nbf")
LEEWAY = 30  # seconds


class TokenMissing(Exception):
    """The request has no token: 401, with `WWW-Authenticate: Bearer realm="bookstore"` and no error."""


def read_keys(path: Path) -> dict[str, bytes]:
    """Return the secrets by `kid` of auth's key file; read it again when it changes."""
    jwks = json.loads(path.read_text())["keys"]
    return {jwk["kid"]: base64url_decode(jwk["k"]) for jwk in jwks if "verify" in jwk["key_ops"]}


def verify(token: str, keys: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the claims of a token, or raise `jwt.InvalidTokenError`; `keys` are the secrets by `kid`.

    `jwt.ExpiredSignatureError` is one that breaks no other rule: the client can refresh.
    """
    try:
        parts = [base64url_decode(segment) for segment in token.split(".")]
        if len(token) > 4096 or ".".join(base64url_encode(part).decode() for part in parts) != token:
            raise ValueError("too long, or not as an encoder writes it")
        header, claims = (parse(part) for part in parts[:2])
        check(header, claims)
        jwt.decode(
            token,
            keys[header["kid"]],
            algorithms=["HS256"],
            audience="bookstore",
            issuer="bookstore-auth",
            leeway=LEEWAY,
            options={"require": [*TEXTS, "aud", "iat", "exp"], "verify_exp": False},  # which comes last
        )
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise jwt.InvalidTokenError("not an access token of the bookstore") from error
    if time.time() >= claims["exp"] + LEEWAY:
        raise jwt.ExpiredSignatureError("expired")
    return claims


def check(header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Raise for what PyJWT does not look at."""
    if header["typ"] != "at+jwt" or any(map(FORBIDDEN.fullmatch, header)):
        raise ValueError("header")
    if not all(isinstance(claims[name], str) and claims[name] for name in TEXTS):
        raise ValueError("a claim that is no text")
    times = [claims[name] for name in TIMES if name in claims]
    if not all(type(value) in (int, float) and isfinite(value) for value in times):
        raise ValueError("a time that is no number")
    if claims["sub"] != claims["public_id"] or not UUID4.fullmatch(claims["sub"]):
        raise ValueError("sub")


def parse(data: bytes) -> dict[str, Any]:
    """Return a JSON object: UTF-8, each name once, finite numbers; Python's own reader takes more."""
    found: dict[str, Any] = json.loads(data.decode(), object_pairs_hook=unique, parse_constant=refuse)
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def refuse(constant: str) -> Never:
    raise ValueError(constant)


def token_of(authorization: str, x_access_tokens: str) -> str:
    """Return the token of a request's two headers (empty if it has none), or raise."""
    scheme, _, bearer = authorization.partition(" ")
    tokens = {bearer.strip(" ") if scheme.lower() == "bearer" else "", x_access_tokens.strip(" ")} - {""}
    if not tokens:
        raise TokenMissing
    if len(tokens) > 1:
        raise jwt.InvalidTokenError("two tokens that differ")
    return tokens.pop()
