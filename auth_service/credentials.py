"""Owns the reading of HTTP Basic credentials (RFC 7617, UTF-8)."""

import base64
import binascii

from flask import request


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
