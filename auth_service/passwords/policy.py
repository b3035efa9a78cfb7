"""Passwords: which ones may be chosen, and which form of them is hashed."""

import gzip
import platform
import unicodedata
from pathlib import Path

from auth_service.names import fold_typed

MAX_LENGTH = 256  # code points of the NFC form

# No code point of NFC stands for more than four others: what is longer need not be normalised to be too long.
# That matters, because unicodedata.normalize takes quadratic time on a long run of combining marks.
MAX_RAW_LENGTH = 4 * MAX_LENGTH


def complaint(password: str, *, name: str, min_length: int) -> str | None:
    """Return why this password may not be chosen by the user of this name, or None if it may.

    Lengths are in code points of the NFC form, which is what is hashed (NIST SP 800-63B section 3.1.1.2).
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return "the password must not contain control characters"
    if not password.strip():
        return "the password must not be empty or white space alone"
    if len(password) > MAX_RAW_LENGTH or len(composed := _compose(password)) > MAX_LENGTH:
        return f"the password must have at most {MAX_LENGTH} characters"
    if len(composed) < min_length:
        return f"the password must have at least {min_length} characters"
    if _is_name(composed, name):
        return "the password must not be the name"
    if _compose(composed.casefold()) in COMMON_PASSWORDS or _without_ornaments(composed) in OWN_NAMES:
        return "the password is too common: it is among the first that attackers try"
    return None


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def to_bytes(password: str) -> bytes:
    """Return what is hashed of a password."""
    # No stored password has a lone surrogate, but an attempt may have one, and must fail like any other.
    return _compose(password).encode("utf-8", "surrogatepass")


def is_same(one: str, other: str) -> bool:
    if max(len(one), len(other)) > MAX_RAW_LENGTH:
        return one == other
    return _compose(one) == _compose(other)


def _is_name(password: str, name: str) -> bool:
    if is_same(password.casefold(), name.casefold()):
        return True
    return fold_typed(password, otherwise=password) == fold_typed(name, otherwise="")


def _without_ornaments(text: str) -> str:
    """Return what is left of "Bookstore-2026!": "bookstore"."""
    return "".join(filter(str.isalnum, text.casefold())).rstrip("0123456789")


# Of the product, of its services and of this machine.
_own_names = ("bookstore", "auth_service", "books_service", "bookstore-auth", "bookstore-books", "localhost")
OWN_NAMES = {*map(_without_ornaments, (*_own_names, platform.node()))} - {""}
_packed = Path(__file__).parents[1] / "data" / "common_passwords.txt.gz"
# Read with the module, so that workers forked from a loaded service share it. In the form that is compared.
COMMON_PASSWORDS = frozenset(gzip.decompress(_packed.read_bytes()).decode().splitlines())
