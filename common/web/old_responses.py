"""Owns how the OpenAPI document describes an answer: its headers, its members, and an example."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from common.web.problems import title

PROBLEM = "application/problem+json"
REFERENCE = "#/components/schemas/"

Header = dict[str, Any]
REQUEST_ID: Header = {
    "description": "The id of this request, as it is logged.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
LOCATION: Header = {
    "description": "The address of what was made.",
    "schema": {"type": "string", "format": "uri-reference"},
}
CHALLENGE: Header = {
    "description": "How to authenticate (RFC 9110 section 11.6.1).",
    "schema": {"type": "string", "pattern": "^(?:Basic|Bearer) realm="},
}
RETRY_AFTER: Header = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
# Headers that an answer of this status always has.
HEADERS: dict[int, dict[str, Header]] = {
    201: {"Location": LOCATION},
    401: {"WWW-Authenticate": CHALLENGE},
    429: {"Retry-After": RETRY_AFTER},
    503: {"Retry-After": RETRY_AFTER},
}


class FieldError(msgspec.Struct, omit_defaults=True):
    """One thing that is wrong with a request, and where: in the body, in the query or in a header.

    `line` is that of a file, and `pointer` then points into what stands there.
    """

    detail: str
    line: int | UnsetType = UNSET
    pointer: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET
    header: str | UnsetType = UNSET


class Problem(msgspec.Struct, omit_defaults=True):
    """What went wrong (RFC 9457); `message` is the short text that older clients read."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    errors: list[FieldError] | UnsetType = UNSET
    error_count: int | UnsetType = UNSET


def as_answered(schema: dict[str, Any], payload: type[msgspec.Struct] | None) -> dict[str, Any]:
    """Say of the members of an answer what msgspec says of what it reads: there, none has to be left out."""
    if payload and payload.__struct_config__.omit_defaults:
        return schema
    for member in schema["properties"].values():
        member.pop("default", None)
    return schema | {"required": list(schema["properties"])}


def success(status: int, example: msgspec.Struct | None, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the response object of an answer like `example`, which may have `headers`."""
    response = _response(status)
    response["headers"] |= {
        name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
    }
    if example is not None:
        response["content"] = {"application/json": _content(type(example).__name__, example)}
    return response


def problem(status: int, message: str, *complaints: FieldError) -> dict[str, Any]:
    """Return the response object of a refusal, with an example of its `errors`."""
    example = Problem("about:blank", title(status), status, message, message)
    if complaints:
        example.errors = list(complaints)
        example.error_count = len(complaints)
    return _response(status) | {"content": {PROBLEM: _content("Problem", example)}}


def _content(name: str, example: msgspec.Struct) -> dict[str, Any]:
    return {"schema": {"$ref": REFERENCE + name}, "example": msgspec.to_builtins(example)}


def _response(status: int) -> dict[str, Any]:
    headers = {"X-Request-ID": REQUEST_ID} | HEADERS.get(status, {})
    return {
        "description": title(status),
        "headers": {name: header | {"required": True} for name, header in headers.items()},
    }
