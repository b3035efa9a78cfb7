"""Turn a recipe of the corpus into a request, as contract/README.md says.

The signing is written by hand, so that none of the code under test is used.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

CONTRACT = Path(__file__).parents[2] / "contract"
HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": "$kid"}
CLAIMS = {
    "iss": "bookstore-auth",
    "aud": "bookstore",
    "sub": "$public_id",
    "public_id": "$public_id",
    "sid": "$session_id",
    "jti": "corpus",
    "iat": "$now",
    "exp": "$now+2700",
}
NOW = re.compile(r"\$now([+-][\d.]+)?")
NAME = re.compile(r"\$(kid|first_kid|second_kid|public_id|session_id)")
REPEAT = re.compile(r"\$repeat:(.+?):(\d+)")
MAX_BLANKS = 64  # far more than any case needs
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Recipe: TypeAlias = dict[str, Any]


class Key(TypedDict):
    """One key of the set that both services read."""

    kid: str
    secret: bytes
    signs: bool


@dataclass(frozen=True)
class World:
    """What the words of a recipe stand for; of the two keys the first signs, both verify."""

    keys: Sequence[Key]
    public_id: str
    session_id: str
    now: int  # seconds since 1970


def some_world(*, now: int) -> World:
    keys = [Key(kid=f"key-{number}", secret=secrets.token_bytes(32), signs=number == 1) for number in (1, 2)]
    return World(keys, public_id=str(uuid.uuid4()), session_id="a-session", now=now)


@dataclass(frozen=True)
class Request:
    """A token and how it is sent."""

    token: str
    headers: list[tuple[str, bytes]]
    query: str
    body: bytes


def cases(kind: str) -> list[dict[str, Any]]:
    """Read contract/<kind>_tokens.json."""
    found: list[dict[str, Any]] = json.loads((CONTRACT / f"{kind}_tokens.json").read_text("utf-8"))
    return found


def request_of(recipe: Recipe, world: World) -> Request:
    """Build the token of the recipe and put it where the recipe sends it."""
    token = token_of(recipe, world)
    other = token_of({"claims": {"jti": "other"}}, world)
    words = {"token": token, "good": token_of({}, world), "other": other}
    send = recipe.get("send", {})
    headers = [
        (name, _filled(value, words).encode(recipe.get("wire", "utf-8")))
        for name, value in send.get("headers", [["Authorization", "Bearer {token}"]])
    ]
    query, body = (_filled(send.get(part, ""), words) for part in ("query", "body"))
    return Request(token, headers, query, body.encode())


def token_of(recipe: Recipe, world: World) -> str:
    """Build the token, with blanks behind the JSON texts until manglings bite and `pad_to` is met."""
    size = recipe.get("pad_to", 0)
    for blanks in range(MAX_BLANKS):
        filling, token = 0, _composed(recipe, world, blanks, 0)
        while token is not None and len(token) < size:
            filling += max(1, (size - len(token)) * 3 // 4)
            token = _composed(recipe, world, blanks, filling)
        if token is not None and len(token) == (size or len(token)):
            return token
    raise ValueError(f"no token comes out of {recipe}")


def mangled(segment: str, how: str | list[Any] | None) -> str | None:
    """Spoil the segment in the way that is named, or leave it if none is; None if that changed nothing."""
    if how is None:
        return segment
    name, argument = how if isinstance(how, list) else (how, None)
    result = MANGLINGS[name](segment, argument)
    return None if result == segment else result


def _flipped(segment: str, place: int, bit: int) -> str:
    letters = list(segment)
    letters[place] = ALPHABET[ALPHABET.index(letters[place]) ^ bit]
    return "".join(letters)


MANGLINGS: dict[str, Callable[[str, Any], str]] = {
    "append": lambda segment, text: segment + text,
    "insert": lambda segment, text: segment[:10] + text + segment[10:],
    "cut": lambda segment, length: segment[:length],
    "flip-first-bit": lambda segment, _: _flipped(segment, 0, 32),
    "flip-last-bit": lambda segment, _: _flipped(segment, -1, 4),
    "hexadecimal": lambda segment, _: base64.urlsafe_b64decode(segment + "=").hex(),
    "one-letter-over": lambda segment, _: segment + "A" * (len(segment) % 4 == 0),
    "padding": lambda segment, _: segment + "=" * (-len(segment) % 4),
    "standard-alphabet": lambda segment, _: segment.replace("-", "+").replace("_", "/"),
    "swap-case": lambda segment, _: segment.swapcase(),
    "trailing-bits": lambda segment, _: _flipped(segment, -1, 1) if len(segment) % 4 else segment,
}


def base64url(data: bytes) -> str:
    """Encode as RFC 7515 section 2 says: the URL-safe alphabet, no padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _composed(recipe: Recipe, world: World, blanks: int, filling: int) -> str | None:
    """Sign and join the three segments, or give None if a mangling changed nothing."""
    pad = {"pad": "x" * filling} if "pad_to" in recipe else {}
    texts = {"header": {**HEADER, **recipe.get("header", {})}}
    texts["payload"] = {**CLAIMS, **recipe.get("claims", {}), **pad}
    how = recipe.get("mangle", {})
    plain = {part: _encoded(part, _json(texts[part], recipe, world), recipe, world) for part in texts}
    h, p = (mangled(base64url(plain[part] + b" " * blanks), how.get(part)) for part in texts)
    if h is None or p is None:
        return None
    h0, p0 = (base64url(_json(default, recipe, world).encode()) for default in (HEADER, CLAIMS))
    signed = _filled(recipe.get("signed_over", "{h}.{p}"), {"h": h, "p": p, "h0": h0, "p0": p0})
    mac = hmac.digest(_secret(recipe, world), signed.encode(), recipe.get("hash", "sha256"))
    s = mangled(base64url(mac), how.get("signature"))
    if s is None:
        return None
    shape: str = _meant(recipe.get("segments", "{h}.{p}.{s}"), recipe, world)
    return _filled(shape, {"h": h, "p": p, "s": s})


def _json(members: dict[str, Any], recipe: Recipe, world: World) -> str:
    kept = {name: value for name, value in members.items() if value != "$drop"}
    return json.dumps(_meant(kept, recipe, world), separators=(",", ":"))


def _encoded(part: str, text: str, recipe: Recipe, world: World) -> bytes:
    """Apply `raw`, `replace` and `encoding` to the JSON text of one segment."""
    if part in recipe.get("raw", {}):
        text = _meant(recipe["raw"][part], recipe, world)
    old, new = recipe.get("replace", {}).get(part, ("", ""))
    if old not in text:
        raise ValueError(f"{old} is not in the {part}")
    text = text.replace(old, _meant(new, recipe, world), 1)
    return text.encode(recipe.get("encoding", {}).get(part, "utf-8"))


def _meant(value: Any, recipe: Recipe, world: World) -> Any:
    """Replace the words that begin with $; a string that is nothing but $now becomes a number."""
    if isinstance(value, dict):
        return {name: _meant(item, recipe, world) for name, item in value.items()}
    if isinstance(value, list):
        return [_meant(item, recipe, world) for item in value]
    if not isinstance(value, str):
        return value
    text = NOW.sub(lambda match: str(world.now + json.loads((match[1] or "0").lstrip("+"))), value)
    if NOW.fullmatch(value):
        return json.loads(text)
    text = REPEAT.sub(lambda match: match[1] * int(match[2]), text)
    return NAME.sub(lambda match: _named(match[1], recipe, world), text)


def _named(name: str, recipe: Recipe, world: World) -> str:
    first, second = (key["kid"] for key in world.keys[:2])
    own = second if recipe.get("key") == "second" else first
    kids = {"kid": own, "first_kid": first, "second_kid": second}
    return kids.get(name) or str(getattr(world, name))


def _secret(recipe: Recipe, world: World) -> bytes:
    first, second = (key["secret"] for key in world.keys[:2])
    unknown = hashlib.sha256(b"a key that nobody holds" + first).digest()
    return {"first": first, "second": second, "unknown": unknown, "empty": b""}[recipe.get("key", "first")]


def _filled(template: str, words: dict[str, str]) -> str:
    return re.sub(r"\{(" + "|".join(words) + r")\}", lambda match: words[match[1]], template)
