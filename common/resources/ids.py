"""Ids of rows in paths."""

from typing import ClassVar

from werkzeug.routing import BaseConverter

MAX_ID = 2**63 - 1


def numbers_up_to(highest: int) -> str:
    """Return the regular expression of the decimal numbers from 1 to `highest`, without leading zeros."""
    digits = str(highest)
    choices = [digits, rf"[1-9][0-9]{{0,{len(digits) - 2}}}"]
    for place, digit in enumerate(digits):
        lowest = 0 if place else 1
        if int(digit) > lowest:
            rest = len(digits) - place - 1
            choices.append(rf"{digits[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{rest}}}")
    return f"(?:{'|'.join(choices)})"


class RowId(BaseConverter):
    """A decimal number from 1 to 2^63-1: ASCII digits, no sign, no leading zero; all else is 404."""

    # The expression alone decides: what `to_python` refuses is 405 where another method was looked at first.
    regex = numbers_up_to(MAX_ID)
    schema: ClassVar = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}

    def to_python(self, value: str) -> int:
        return int(value)
