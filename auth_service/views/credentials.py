"""Owns HTTP Basic credentials (RFC 7617, UTF-8): how they are read, and how wrong ones are refused."""

import base64
import binascii
from typing import Never

from flask import request

from auth_service import security_log
from common.web.problems import Refusal

CHALLENGE = {"WWW-Authenticate": 'Basic realm="bookstore", charset="UTF-8"'}
COULD_NOT_VERIFY = "could not verify"


def basic_credentials() -> tuple[str, str] | None:
    """Return name and password of the `Authorization` header, or None where it holds no such thing."""
    scheme, _, encoded = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(" "), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return (name, password) if colon else None


def refuse_login(public_id: str | None, reason: str) -> Never:
    """Refuse with one and the same answer, whatever the reason; only the log tells it."""
    security_log.warning("login_failed", reason=reason, public_id=public_id)
    raise Refusal(401, COULD_NOT_VERIFY, headers=CHALLENGE)
