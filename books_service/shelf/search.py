"""Searching a shelf for whole values, in folded form, and for words, whose accents make no difference.

PostgreSQL looks for words with LIKE, which the trigram index serves. SQLite reads each book of the owner, in
the one index that holds all that is searched (docs/design.md has figures).
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, bindparam, func

from books_service.models import Book
from books_service.shelf.put import fold_text, search_form

FILTERED = {"name": Book.folded_name, "Author": Book.folded_author, "Publisher": Book.folded_publisher}
INDEXED = {"name", "Author"}  # of these members there is an index
SPECIAL, ESCAPED = re.compile(r"[\\%_]"), r"\\\g<0>"  # to LIKE


class Search(NamedTuple):
    filters: dict[str, str]  # whole values by member, folded
    words: tuple[str, ...]  # in the form of `search_text`, in which each occurs


def search_for(q: str, **values: str) -> Search:
    """Return the search for the words of `q` and the whole `values` by member."""
    filters = {member: fold_text(value) for member, value in values.items()}
    # What has no index of its own is looked for as a word, too: the trigram index serves it.
    whole = (search_form(filters[member]) for member in filters if member not in INDEXED)
    texts = {*search_form(fold_text(q)).split(), *whole} - {""}
    words = sorted(texts, key=lambda word: (-len(word), word))
    # A word that is part of another adds nothing.
    needed = [word for place, word in enumerate(words) if not any(word in longer for longer in words[:place])]
    return Search(filters, tuple(needed))


def conditions(members: Sequence[str], words: int, *, sqlite: bool) -> list[ColumnElement[bool]]:
    """Return what a statement requires of books, for the values of `parameters`."""
    whole = [FILTERED[member] == bindparam(member, type_=Text()) for member in members]
    names = [f"word{number}" for number in range(words)]
    if sqlite:
        return whole + [func.instr(Book.search_text, bindparam(name)) > 0 for name in names]
    return whole + [Book.search_text.like(bindparam(name, type_=Text())) for name in names]


def parameters(search: Search, *, sqlite: bool) -> dict[str, Any]:
    """Return the values of the parameters of `conditions`."""
    patterns = search.words if sqlite else [f"%{SPECIAL.sub(ESCAPED, word)}%" for word in search.words]
    return search.filters | {f"word{number}": pattern for number, pattern in enumerate(patterns)}
