"""Searching a shelf for whole values and words, in folded form.

PostgreSQL looks for words with LIKE, which the trigram index serves. SQLite reads each book of the owner, in
the one index that holds all that is searched (docs/design.md has figures).
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, bindparam, func, or_

from books_service.models import SEARCHED, Book, fold

FILTERED = {"name": Book.folded_name, "Author": Book.folded_author, "Publisher": Book.folded_publisher}
INDEXED = {"name", "Author"}  # of these members there is an index
SPECIAL, ESCAPED = re.compile(r"[\\%_]"), r"\\\g<0>"  # to LIKE


class Search(NamedTuple):
    """Which books a listing shows."""

    filters: dict[str, str]  # whole values by member, folded
    words: tuple[str, ...]  # folded; each occurs in one of the texts at least


def search_for(q: str, **values: str | None) -> Search:
    """Return the search for the words of `q` and the whole `values` by member; None is any."""
    filters = {member: fold(value) for member, value in values.items() if value is not None}
    words = sorted(set(fold(q).split()), key=lambda word: (-len(word), word))
    # A word that is part of another adds nothing.
    needed = [word for place, word in enumerate(words) if not any(word in longer for longer in words[:place])]
    return Search(filters, tuple(needed))


def conditions(members: Sequence[str], words: int, *, sqlite: bool) -> list[ColumnElement[bool]]:
    """Return what a statement requires of books, for the values of `parameters`."""
    whole = [FILTERED[member] == bindparam(member, type_=Text()) for member in members]
    names = [f"word{number}" for number in range(words)]
    if sqlite:
        return whole + [
            or_(*(func.instr(text, bindparam(name)) > 0 for text in FILTERED.values())) for name in names
        ]
    if "Publisher" in members:
        names.append("publisher_within")  # so that the trigram index serves it too
    return whole + [SEARCHED.like(bindparam(name, type_=Text())) for name in names]


def parameters(search: Search, *, sqlite: bool) -> dict[str, Any]:
    """Return the values of the parameters of `conditions`."""
    words = {f"word{number}": word for number, word in enumerate(search.words)}
    if sqlite:
        return search.filters | words
    if "Publisher" in search.filters:
        words["publisher_within"] = search.filters["Publisher"]
    return search.filters | {name: f"%{SPECIAL.sub(ESCAPED, word)}%" for name, word in words.items()}
