"""The answers of the routes: JSON, encoded at once, with headers that are right as they are."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Response
from pydantic import TypeAdapter
from werkzeug.datastructures import Headers

JSON = "application/json"


class PlainResponse(Response):
    """A response whose body is there already; werkzeug would look for addresses to correct in its headers."""

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ARG002 - werkzeug's signature
        """Return the headers as they are, with the length of the body that was given."""
        return self.headers


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what reads and writes values of this type, which is made once."""
    return TypeAdapter(kind)


def json_response(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `payload`, a dataclass, as JSON."""
    kind: Any = type(payload)
    return PlainResponse(adapter(kind).dump_json(payload), status, headers, content_type=JSON)


def empty_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that has no body and says nothing of one, such as 204 or 304."""
    response = PlainResponse(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response
