"""Owns the answers of the routes: JSON, encoded at once, with headers that are right as they are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from flask import Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

JSON = "application/json"

_encode = msgspec.json.Encoder().encode


class Answer(Response):
    """An answer whose body is there already; werkzeug would look for addresses to correct in its headers."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 - werkzeug's signature
        """Return the headers as they are, with the length of the body."""
        if self.status_code != 204:  # RFC 9110 section 8.6
            self.headers["Content-Length"] = str(len(self.get_data()))
        return self.headers


def no_content() -> Response:
    """Return 204, which has no body and says nothing of one."""
    response = Answer(status=204)
    del response.headers["Content-Type"]
    return response


def answer(payload: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `payload` as JSON."""
    return Answer(_encode(payload), status, headers, content_type=JSON)
