"""Owns the kinds of value that only auth reads."""

from typing import Any

from marshmallow import ValidationError

from auth_service import names
from common.fields import NOT_BLANK, AnyText


class UserName(AnyText):
    """A user's name, read into the one form in which it is stored and shown."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "minLength": 1,
            "description": "1 to 50 characters after NFKC, trimming and making each run of spaces one.",
            "pattern": NOT_BLANK,
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    def read(self, value: Any) -> str:
        try:
            return names.normalise(super().read(value))
        except names.InvalidName as error:
            raise ValidationError(error.detail) from error
