"""The kinds of value in a request: strict, and without control characters; ids in paths; times in answers."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError
from werkzeug.routing import BaseConverter

# The white space is listed, because \s means another set in every language that reads the document.
CONTROLS = r"\u0000-\u001f\u007f-\u009f"
SPACES = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NO_CONTROLS = f"^[^{CONTROLS}]*$"
NOT_BLANK = f"^[^{CONTROLS}]*[^{CONTROLS}{SPACES}][^{CONTROLS}]*$"
DIGITS = re.compile("0|[1-9][0-9]{0,18}")  # as many as an id has
PATTERN_MESSAGES = {
    NO_CONTROLS: "must not hold control characters",
    NOT_BLANK: "must not be blank, nor hold control characters",
}
MAX_ID = 2**63 - 1
RULE = "rule"  # the kind of an error whose message is ours


class Schema(BaseModel):
    """The base of what routes read: strict types, and no member that is not declared."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # a password in a log
    )


def rule_error(message: str) -> PydanticCustomError:
    """Return the error that a validator raises; `message` is what the client reads."""
    return PydanticCustomError(RULE, message)


def _whole_number(value: Any) -> Any:
    """12.0 and 12 are one value in JSON (RFC 8259 section 6)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal_digits(value: str) -> int:
    if not DIGITS.fullmatch(value):
        raise rule_error("must be an integer in decimal digits, without a leading zero")
    return int(value)


def _with_six_decimals(time: datetime) -> Any:
    """pydantic leaves the decimals out where all are zero, and writes six of them faster than we could."""
    return time if time.microsecond else time.isoformat(timespec="microseconds").replace("+00:00", "Z")


# pydantic documents the limits of a number only if they stand before these two.
WholeNumber = BeforeValidator(_whole_number)  # Annotated[int, Field(ge=0), WholeNumber]
Digits = BeforeValidator(_decimal_digits)  # the same in a query

PlainText = Annotated[str, Field(pattern=NO_CONTROLS)]
Text = Annotated[str, Field(min_length=1, pattern=NOT_BLANK)]
PageSize = Annotated[int, Field(ge=1, le=200), Digits]
Timestamp = Annotated[
    datetime,
    PlainSerializer(_with_six_decimals, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


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
