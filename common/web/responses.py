"""The answers of the routes: JSON, encoded at once."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Response
from pydantic import TypeAdapter

JSON = "application/json"


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what reads and writes values of this type, which is made once."""
    return TypeAdapter(kind)


def json_response(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `payload`, a dataclass, as JSON."""
    kind: Any = type(payload)
    return Response(adapter(kind).dump_json(payload), status, headers, content_type=JSON)


def empty_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that has no body and says nothing of one, such as 204 or 304."""
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response
