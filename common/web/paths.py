"""Owns the variables of a path: what is not of their form is not at this address (404)."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from flask import Flask, Request, abort, request
from werkzeug.routing import BaseConverter, Map, MapAdapter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HIGHEST = 2**63 - 1


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


class RowNumber(BaseConverter):
    """A decimal number from 1 to 2^63-1: ASCII digits, no sign, no leading zero."""

    # The expression alone decides: what `to_python` refuses is 405 where another method was looked at first.
    regex = numbers_up_to(HIGHEST)
    schema: ClassVar = {"type": "integer", "format": "int64", "minimum": 1, "maximum": HIGHEST}

    def to_python(self, value: str) -> int:
        return int(value)


class PublicId(BaseConverter):
    """A UUID in lower case, as the service gives it out."""

    regex = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    schema: ClassVar = {"type": "string", "format": "uuid"}


def init_app(app: Flask) -> None:
    """Know the variables in the rules of `app`, and never redirect to another spelling of a path."""
    app.url_map.converters.update(row=RowNumber, public_id=PublicId)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.before_request(refuse_double_slash)
    app.create_url_adapter = partial(adapter, app.url_map)  # type: ignore[method-assign] # as a subclass would
    app.wsgi_app = NeverEmpty(app.wsgi_app)  # type: ignore[method-assign] # the way Flask documents


def adapter(rules: Map, request: Request | None) -> MapAdapter | None:
    """Return what finds the route of `request`; the host has no part in it, and nothing is redirected."""
    if request is None:
        return None
    return MapAdapter(rules, "", "/", "", request.scheme, request.path, request.method)


class NeverEmpty:
    """WSGI middleware: `GET http://host` is `GET /` (RFC 9110 section 4.2.3), and no reason to redirect."""

    def __init__(self, app: "WSGIApplication") -> None:
        self.app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["PATH_INFO"] = environ.get("PATH_INFO") or "/"
        return self.app(environ, start_response)


def refuse_double_slash() -> None:
    """Refuse what werkzeug would read as if it began with one slash."""
    if request.environ["PATH_INFO"].startswith("//"):
        abort(404)
