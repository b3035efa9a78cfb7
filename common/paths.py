"""Owns the variables of a path: what is not of their form is not at this address (404)."""

from flask import Flask
from werkzeug.routing import BaseConverter, ValidationError


class RowNumber(BaseConverter):
    """A decimal number from 1 to 2^63-1: ASCII digits, no sign, no leading zero."""

    regex = r"[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        if (number := int(value)) >= 2**63:
            raise ValidationError
        return number


class PublicId(BaseConverter):
    """A UUID in lower case, as the service gives it out."""

    regex = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def init_app(app: Flask) -> None:
    """Know the variables in the rules of `app`, and never redirect to another spelling of a path."""
    app.url_map.converters.update(row=RowNumber, public_id=PublicId)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
