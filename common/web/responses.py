"""The answers of the routes: JSON, encoded at once, with headers that are right as they are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Response
from pydantic import TypeAdapter
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

JSON = "application/json"

_adapters: dict[Any, TypeAdapter[Any]] = {}


class PlainResponse(Response):
    """A response whose body is there already; werkzeug would look for addresses to correct in its headers."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 - werkzeug's signature
        """Return the headers as they are, with the length of the body that was given."""
        return self.headers


def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what reads and writes values of this type, which is made once."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def json_response(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `payload`, a dataclass, as JSON."""
    return PlainResponse(adapter(type(payload)).dump_json(payload), status, headers, content_type=JSON)


def no_content() -> Response:
    """Return 204, which has no body and says nothing of one."""
    return _without_body(204)


def not_modified(headers: Mapping[str, str]) -> Response:
    """Return 304: the client has what it asked for, and `headers` say what that is."""
    return _without_body(304, headers)


def _without_body(status: int, headers: Mapping[str, str] | None = None) -> Response:
    response = PlainResponse(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response
