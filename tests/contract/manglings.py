"""The ways in which a recipe spoils one segment of a token."""

import base64
from collections.abc import Callable
from typing import Any

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


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
