"""Cursors: opaque, bound to their list, and good while a key that made them is in use."""

import secrets
import string
from collections.abc import Sequence
from itertools import product
from types import MappingProxyType
from urllib.parse import quote

import pytest

from common.tokens.keys import Key, KeySet
from common.web.cursors import BadCursor, Position, page_start, write_cursor
from tests.cases import every

LISTING = ["books", "somebody"]
LETTERS = string.ascii_letters + string.digits + "-_."
OLD, NEW = (Key(secrets.token_hex(8), secrets.token_bytes(32)) for _ in range(2))


def key_set(*keys: Key) -> KeySet:
    """Return a set whose first key signs, and all of which verify."""
    return KeySet(signing=keys[0], verifying=MappingProxyType({key.id: key for key in keys}))


KEYS = key_set(OLD)


@every("position", [[1], [2**63 - 1], ["Zoë\u2028\U0001f600", 3], [None, 3], ["", 0], [-1, "x", None]])
def test_a_cursor_brings_back_its_position_and_needs_no_escape(position: Position) -> None:
    cursor = write_cursor(KEYS, LISTING, position)

    assert page_start(KEYS, LISTING, cursor) == position
    assert quote(cursor, safe="") == cursor


@every(
    "listing",
    [["books", "somebody else"], ["users", "somebody"], ["books"], ["somebody", "books"], ["bookssomebody"]]
    + [[], ["books", "somebody", ""], ["books", "somebod", "y"], ['books","somebody']],
)
def test_a_cursor_of_another_list_is_refused(listing: Sequence[str]) -> None:
    with pytest.raises(BadCursor):
        page_start(KEYS, listing, write_cursor(KEYS, LISTING, [1]))


NO_CURSORS = ["", "A", "AAAA", "A" * 100, "=", "é", "\x00", "\ud800", "a b", "a+b/", "null", "[1]", "."]
NO_CURSORS += [f"{start}{'A' * 43}" for start in (".", "WzFd.", "WzFd..")] + ["WzFd", "WzFd."]


def test_what_is_no_cursor_or_another_spelling_of_one_is_refused() -> None:
    cursor = write_cursor(KEYS, LISTING, [1])
    refused = {cursor + end for end in ("=", "==", "A", "AA", "\n", " ")}
    for place, letter in product(range(len(cursor)), LETTERS):
        refused.add(cursor[:place] + letter + cursor[place + 1 :])

    for text in [*NO_CURSORS, *(refused - {cursor})]:
        with pytest.raises(BadCursor):
            page_start(KEYS, LISTING, text)


def test_a_cursor_is_made_with_the_key_that_signs_and_survives_its_rotation() -> None:
    cursor = write_cursor(key_set(OLD, NEW), LISTING, [5])

    assert page_start(KEYS, LISTING, cursor) == page_start(key_set(NEW, OLD), LISTING, cursor) == [5]
    with pytest.raises(BadCursor):
        page_start(key_set(NEW), LISTING, cursor)
