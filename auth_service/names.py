"""User names: their one written form, and the folded form that makes them unique."""

import re
import unicodedata

import regex

from common.errors import InvalidRequest

MAX_LENGTH = 50  # code points of the normalised form

# No code point of NFKC stands for more than four others, and in a text with single inner spaces at most
# every second one is a space: what is longer than this is too long, without being normalised. That
# matters, because unicodedata.normalize takes quadratic time on a long run of combining marks.
_MAX_RAW_LENGTH = 2 * 4 * MAX_LENGTH

# U+0020 and every character that NFKC makes it.
_SPACES = re.compile("[ \u00a0\u2000-\u200a\u202f\u205f\u3000]+")

# The joiners of scripts in which they change how the letters beside them look (UAX 31 section 2.3).
JOINERS = "\u200c\u200d"
_LETTER = (
    r"[\p{L}&&[\p{Arabic}\p{Syriac}\p{Nko}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}"
    r"\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Khmer}]]"
)
_JOINED = regex.compile(
    rf"(?:(?<={_LETTER}\p{{M}}*)[{JOINERS}](?=\p{{M}}*{_LETTER})"
    rf"|(?<={_LETTER}\p{{M}}*\p{{ccc=Virama}})[{JOINERS}])",
    regex.V1,
)
# Beside what has the property, the blanks of braille, music, Khitan and hieroglyphs show nothing.
_INVISIBLE = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\u2800\U0001d159\U00016fe4\U00013441\U00013442]"
)
_VISIBLE = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}]")  # marks alone draw over what stands beside them
_MIXED_WORD = regex.compile(r"(?=\w*\p{Latin})\w*[\p{Cyrillic}\p{Greek}]")


class InvalidName(InvalidRequest):
    """A name breaks a rule; `message` says which, without repeating the name."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message


def normalise(name: str) -> str:
    """Return the name as it is stored and shown: NFKC, trimmed, each run of spaces made one.

    Raise `InvalidName`. Normalising a normalised name changes nothing.
    """
    name = _normal_form(name)
    _refuse_characters(name)
    return name


def _normal_form(name: str) -> str:
    """Return the normal form of a name, which may be older than today's rules, or raise `InvalidName`."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise InvalidName("a name must not contain control characters")
    name = _single_spaces(name)
    if len(name) <= _MAX_RAW_LENGTH:
        name = _single_spaces(unicodedata.normalize("NFKC", name))
    if not name:
        raise InvalidName("a name must not be empty")
    if len(name) > MAX_LENGTH:
        raise InvalidName(f"a name must be at most {MAX_LENGTH} characters long")
    return name


def fold_name(name: str) -> str:
    """Return the form of a normalised name that is equal for names that differ in case or joiners only."""
    name = name.translate(dict.fromkeys(map(ord, JOINERS)))
    while (folded := unicodedata.normalize("NFKC", name.casefold())) != name:
        name = folded
    return name


def fold_typed(name: str, *, otherwise: str) -> str:
    """Return the folded form of a name as somebody typed it, or `otherwise` if no user can have it."""
    try:
        return fold_name(_normal_form(name))
    except InvalidName:
        return otherwise


def _single_spaces(text: str) -> str:
    return _SPACES.sub(" ", text).strip(" ")


def _refuse_characters(name: str) -> None:
    if ":" in name:
        raise InvalidName("a name must not contain a colon: HTTP Basic cannot carry it")
    others = _JOINED.sub("", name).replace(" ", "")
    if any(character.isspace() for character in others):
        raise InvalidName("a name must not contain white space other than spaces")
    if _INVISIBLE.search(others) or any(unicodedata.category(each).startswith("C") for each in others):
        raise InvalidName("a name must not contain invisible, private or unassigned characters")
    if not _VISIBLE.search(name):
        raise InvalidName("a name must have a letter, a digit or a sign")
    if _MIXED_WORD.search(name):
        raise InvalidName("a word of a name must not mix Latin with Cyrillic or Greek letters")
