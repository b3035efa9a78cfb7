"""User names: their one written form, and the folded form that makes them unique."""

import re
import unicodedata

from common.errors import InvalidRequest

MAX_LENGTH = 50  # code points of the normalised form

# No code point of NFKC stands for more than four others, and in a text with single inner spaces at most
# every second one is a space: what is longer than this is too long, without being normalised. That
# matters, because unicodedata.normalize takes quadratic time on a long run of combining marks.
_MAX_RAW_LENGTH = 2 * 4 * MAX_LENGTH

# U+0020 and every character that NFKC makes it.
_SPACES = re.compile("[ \u00a0\u2000-\u200a\u202f\u205f\u3000]+")


class InvalidName(InvalidRequest):
    """A name breaks a rule; `message` says which, without repeating the name."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message


def normalise(name: str) -> str:
    """Return the name as it is stored and shown: NFKC, trimmed, each run of spaces made one.

    Raise `InvalidName`. Normalising a normalised name changes nothing.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise InvalidName("a name must not contain control characters")
    name = _single_spaces(name)
    if len(name) <= _MAX_RAW_LENGTH:
        name = _single_spaces(unicodedata.normalize("NFKC", name))
    if not name:
        raise InvalidName("a name must not be empty")
    if len(name) > MAX_LENGTH:
        raise InvalidName(f"a name must be at most {MAX_LENGTH} characters long")
    _refuse_characters(name)
    return name


def fold_name(name: str) -> str:
    """Return the form of a normalised name that is equal for names that differ in case only."""
    while (folded := unicodedata.normalize("NFKC", name.casefold())) != name:
        name = folded
    return name


def fold_typed(name: str, *, otherwise: str) -> str:
    """Return the folded form of a name as somebody typed it, or `otherwise` if no user can have it."""
    try:
        return fold_name(normalise(name))
    except InvalidName:
        return otherwise


def _single_spaces(text: str) -> str:
    return _SPACES.sub(" ", text).strip(" ")


def _refuse_characters(name: str) -> None:
    if ":" in name:
        raise InvalidName("a name must not contain a colon: HTTP Basic cannot carry it")
    others = name.replace(" ", "")
    if any(character.isspace() for character in others):
        raise InvalidName("a name must not contain white space other than spaces")
    if any(unicodedata.category(character).startswith("C") for character in others):
        raise InvalidName("a name must not contain invisible, private or unassigned characters")
