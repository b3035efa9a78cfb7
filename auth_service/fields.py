"""Owns the kinds of value that only auth reads."""

from typing import Any

from marshmallow import ValidationError

from auth_service import names
from common.fields import CONTROLS, SPACES, AnyText

# What OpenAPI can say of a name: no control character, colon or line separator, and not spaces alone.
REFUSED = rf"{CONTROLS}:\u1680\u2028\u2029"
PATTERN = f"^[^{REFUSED}]*[^{REFUSED}{SPACES}][^{REFUSED}]*$"


class UserName(AnyText):
    """A user's name, read into the one form in which it is stored and shown."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "minLength": 1,
            "maxLength": names.MAX_LENGTH,
            "description": (
                "The length counts after NFKC, trimming and making each run of spaces one; invisible,"
                " private and unassigned characters are refused."
            ),
            "pattern": PATTERN,
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    def read(self, value: Any) -> str:
        try:
            return names.normalise(super().read(value))
        except names.InvalidName as error:
            raise ValidationError(error.detail) from error
