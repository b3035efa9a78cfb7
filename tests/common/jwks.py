"""Key files as the tests write them."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

Jwk = dict[str, Any]


def jwk(secret: bytes | None = None, **members: Any) -> Jwk:
    """Return a key that signs and verifies, unless `members` say otherwise; None leaves a member out."""
    value = base64.urlsafe_b64encode(secret or secrets.token_bytes(32)).decode().rstrip("=")
    made = {"kty": "oct", "kid": secrets.token_hex(8), "key_ops": ["sign", "verify"], "k": value} | members
    return {name: value for name, value in made.items() if value is not None}


def write(path: Path, *keys: Jwk) -> None:
    """Replace the key file as a whole, readable by its owner alone."""
    write_text(path, json.dumps({"keys": keys}))


def write_text(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace the key file by one that holds `text`."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.chmod(mode)
    aside.replace(path)
