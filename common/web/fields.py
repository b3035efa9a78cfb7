"""Owns the strict kinds of value that a body or a query may hold."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from marshmallow import Schema, ValidationError, fields, missing, validate

REFUSED_CATEGORIES = frozenset({"Cc", "Cs"})  # control characters and surrogates
# What OpenAPI can say of a text without control characters, and of one that is not white space alone. The
# white space is listed, because \s means another set in every language that reads the document.
CONTROLS = r"\u0000-\u001f\u007f-\u009f"
SPACES = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NO_CONTROLS = f"^[^{CONTROLS}]*$"
NOT_BLANK = f"^[^{CONTROLS}]*[^{CONTROLS}{SPACES}][^{CONTROLS}]*$"

T = TypeVar("T")


class StrictSchema(Schema):
    """Members by name, every other one refused."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way to replace them
        "unknown": "is not known here",
        "type": "must be a JSON object",
    }

    def take(self, members: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what `load` makes of members that are right, in a quarter of the time; else None.

        What is wrong with them, and rules about several together, are for `load`.
        """
        if self._has_rules or not self._required <= members.keys():
            return None
        taken = dict(self._defaults)
        try:
            for name, value in members.items():
                taken[name] = self._take[name](value)
        except (KeyError, ValidationError):
            return None
        return taken

    @cached_property
    def _has_rules(self) -> bool:
        return any(self._hooks.values())  # marshmallow adds empty ones

    @cached_property
    def _take(self) -> dict[str, Callable[[Any], Any]]:
        fields = self.load_fields.items()
        return {
            name: field.take if isinstance(field, Strict) else field.deserialize for name, field in fields
        }

    @cached_property
    def _required(self) -> set[str]:
        return {name for name, field in self.load_fields.items() if field.required}

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        fields = self.load_fields.items()
        return {name: field.load_default for name, field in fields if field.load_default is not missing}


class Strict(fields.Field[T]):
    """A member that is read by `read`, which raises `ValidationError` with a sentence about what is wrong."""

    default_error_messages = {  # noqa: RUF012 - marshmallow's own way to replace them
        "required": "is required",
        "null": "must not be null",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> T:
        return self.read(value)

    def take(self, value: Any) -> T | None:
        """Do what `deserialize` does, without its way through everything that a field could have."""
        if value is None:
            return self.deserialize(value)
        taken = self.read(value)
        for rule in self.validators:
            rule(taken)
        return taken

    def read(self, value: Any) -> T:
        """Return what `value`, as it came, stands for."""
        raise NotImplementedError


class AnyText(Strict[str]):
    """A string of which the route itself says what is wrong with it."""

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a string")
        return value


class PlainText(AnyText):
    """A string without control characters, of any length."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": NO_CONTROLS, **kwargs.pop("metadata", {})}, **kwargs)

    def read(self, value: Any) -> str:
        text = super().read(value)
        if not text.isprintable() and any(unicodedata.category(c) in REFUSED_CATEGORIES for c in text):
            raise ValidationError("must not hold control characters")
        return text


class Words(PlainText):
    """Words to look for, of at most `high` code points in all; may be empty."""

    def __init__(self, *, high: int, **metadata: Any) -> None:
        self.high = high
        super().__init__(load_default="", metadata={"maxLength": high, **metadata})

    def read(self, value: Any) -> str:
        text = super().read(value)
        if len(text) > self.high:
            raise ValidationError(f"must be at most {self.high} characters long")
        return text


class Choice(AnyText):
    """One of `choices`, spelled as it is there; the first, if it is left out."""

    def __init__(self, choices: Sequence[str], *, description: str) -> None:
        self.choices = choices
        metadata = {"enum": list(choices), "description": description}
        super().__init__(load_default=choices[0], metadata=metadata)

    def read(self, value: Any) -> str:
        text = super().read(value)
        if text not in self.choices:
            raise ValidationError(f"must be one of {', '.join(self.choices)}")
        return text


class Text(PlainText):
    """A string of `low` to `high` code points, kept as it was sent; not white space alone."""

    def __init__(self, *, high: int, low: int = 1, **kwargs: Any) -> None:
        self.low, self.high = low, high
        metadata = {"minLength": low, "maxLength": high, "pattern": NOT_BLANK, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def read(self, value: Any) -> str:
        text = super().read(value)
        if not self.low <= len(text) <= self.high:
            raise ValidationError(f"must be {self.low} to {self.high} characters long")
        if text.isspace():
            raise ValidationError("must hold more than white space")
        return text


class Flag(Strict[bool]):
    """A JSON boolean: no number and no string stands for one."""

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class WholeNumber(Strict[int]):
    """A JSON integer from `low` to `high`: no string, fraction or boolean stands for one.

    12.0 and 12 are one value in JSON (RFC 8259 section 6) and for JSON Schema.
    """

    def __init__(self, *, low: int, high: int, **kwargs: Any) -> None:
        self.low, self.high = low, high
        limits = validate.Range(low, high, error=f"must be from {low} to {high}")
        super().__init__(validate=limits, **kwargs)

    def read(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("must be an integer")
        return value


class QueryNumber(WholeNumber):
    """The same in a query: decimal ASCII digits, no sign, no leading zero."""

    def read(self, value: Any) -> int:
        if not (value.isascii() and value.isdecimal()) or len(value) > len(str(self.high)):
            raise ValidationError(f"must be an integer from {self.low} to {self.high}")
        if value[0] == "0" and len(value) > 1:
            raise ValidationError("must have no leading zero")
        return int(value)
