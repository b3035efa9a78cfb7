"""Owns the kinds of value that only auth reads."""

from typing import Any

from flask import current_app
from marshmallow import ValidationError

from auth_service import names
from auth_service.passwords.policy import MAX_LENGTH, complaint, is_same
from common.web.fields import CONTROLS, NOT_BLANK, SPACES, AnyText, PlainText

# What OpenAPI can say of a name: no control character, colon or line separator, and not spaces alone.
REFUSED = rf"{CONTROLS}:\u1680\u2028\u2029"
PATTERN = f"^[^{REFUSED}]*[^{REFUSED}{SPACES}][^{REFUSED}]*$"

A_REFRESH_TOKEN = "3f1c8a52-7d0e-4b9a-8c61-5e2f4a7b9d03." + "c2VjcmV0" * 5 + "c2U"  # an example


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


class NewPassword(AnyText):
    """A password to be; whose it will be the schema has to know, which then calls `check_new_password`."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "minLength": 8,
            "maxLength": MAX_LENGTH,
            "pattern": NOT_BLANK,
            "description": "The length counts after NFC. Refused are the name and the most common passwords.",
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)


def check_new_password(password: str, *, name: str, member: str, current: str | None = None) -> None:
    """Raise `ValidationError` about `member` if the user of this name may not choose this password."""
    min_length = current_app.extensions["settings"].password_min_length
    detail = complaint(password, name=name, min_length=min_length)
    details = [detail] if detail else []
    if current is not None and is_same(password, current):
        details.append("must not be the current password")
    if details:
        raise ValidationError({member: details})


class RefreshTokenText(PlainText):
    """A refresh token: which one is any good the route finds out."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"examples": [A_REFRESH_TOKEN], "pattern": NOT_BLANK})

    def read(self, value: Any) -> str:
        text = super().read(value)
        if not text or text.isspace():
            raise ValidationError("must hold more than white space")
        return text
