"""What a body's members are read into: the quick way and marshmallow's own come to the same."""

from typing import Any

import pytest
from marshmallow import ValidationError

from books_service.views.books import BookChange, NewBook
from common.web.fields import StrictSchema

BOOK = {"name": "Eric", "Author": "Terry Pratchett", "Publisher": "Gollancz", "book_prize": 12}
VALUES = ["", " ", "x", "x" * 200, "x" * 201, "a\0", "\ud800", 0, 1, -1, 1.0, 1.5, 2**31, True, None, [], {}]


@pytest.mark.parametrize("schema", [NewBook(), BookChange()], ids=["new", "change"])
@pytest.mark.parametrize("member", [*BOOK, "id", "", "book_prize "])
@pytest.mark.parametrize("value", VALUES)
def test_both_ways_read_a_member_alike(schema: StrictSchema, member: str, value: Any) -> None:
    sent = {**BOOK, member: value}

    assert schema.take(sent) == loaded(schema, sent)


@pytest.mark.parametrize("schema", [NewBook(), BookChange()], ids=["new", "change"])
@pytest.mark.parametrize("left_out", [*BOOK, None])
def test_both_ways_read_what_is_left_out_alike(schema: StrictSchema, left_out: str | None) -> None:
    sent = {name: value for name, value in BOOK.items() if left_out not in (name, None)}

    assert schema.take(sent) == loaded(schema, sent)


def loaded(schema: StrictSchema, sent: dict[str, Any]) -> dict[str, Any] | None:
    """Return what marshmallow makes of it, None if it refuses it."""
    try:
        return dict(schema.load(sent))
    except ValidationError:
        return None
