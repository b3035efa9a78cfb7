"""Owns the reading of what a client sends, and the order in which it is refused: 413, 415, 400, 422."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Never
from urllib.parse import parse_qsl

import msgspec
from flask import request
from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from common.web.answers import JSON
from common.web.fields import StrictSchema
from common.web.problems import Problem

MERGE_PATCH = "application/merge-patch+json"  # RFC 7396
MAX_BODY = 64 * 1024  # bytes; a file may have more
MAX_DIGITS = 4300  # of an integer; more of them are a number all the same, but none that fits a rule

Complaint = dict[str, str]

_decoder = msgspec.json.Decoder()


class NotJson(ValueError):
    """A text that is no JSON."""


def read_json(types: Sequence[str] = (JSON,)) -> Any:
    """Return the request's JSON value, whatever it is, or refuse with 413, 415 or 400.

    `types` are the media types of JSON that the route takes.
    """
    environ = request.environ
    body = _read_body(environ)
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        _refuse_type(types)
    content_type = environ.get("CONTENT_TYPE")
    if content_type not in types and not _is_one_of(types, content_type):
        _refuse_type(types)
    try:
        return parse_json(body)
    except NotJson as error:
        raise BadRequest("the body is not JSON") from error


def _is_one_of(types: Sequence[str], content_type: str | None) -> bool:
    mimetype, options = parse_options_header(content_type)
    return mimetype.lower() in types and options.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def rule_of_types(types: Sequence[str]) -> str:
    """Return what is told to whoever sent a body of another type than these."""
    return f"the body must be {' or '.join(types)} in UTF-8"


def _refuse_type(types: Sequence[str]) -> Never:
    headers = {"Accept-Patch": ", ".join(types)} if request.method == "PATCH" else {}  # RFC 5789 section 2.2
    raise Problem(415, rule_of_types(types), headers=headers)


def parse_json(text: bytes) -> Any:
    """Return the JSON value that `text` is, or raise `NotJson`."""
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        return _with_large_numbers(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise NotJson from error


def _read_body(environ: Mapping[str, Any]) -> bytes:
    """Return the whole body; werkzeug would cut a chunked one at its limit and go on as if that were all."""
    announced = environ.get("CONTENT_LENGTH")  # a server lets nothing but digits through
    length = int(announced) if announced else None
    if length is not None and length > MAX_BODY:
        raise RequestEntityTooLarge
    body: bytes = environ["wsgi.input"].read(MAX_BODY + 1 if length is None else length)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    return body


def _with_large_numbers(body: bytes) -> Any:
    """Parse JSON that holds a number larger than a machine's, so that the rule it breaks can be named."""
    try:
        value = json.loads(body.decode(), parse_int=_integer, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # unlike msgspec, this parser lets half a character in
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    return value


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def load_body(schema: StrictSchema, value: Any, complaints: list[Complaint]) -> dict[str, Any]:
    """Return the members of `value` by the rules of `schema`; what breaks one is added to `complaints`."""
    if not isinstance(value, dict):
        complaints.append({"pointer": "", "detail": "must be a JSON object"})
        return {}
    if (taken := schema.take(value)) is not None:
        return taken
    try:
        return dict(schema.load(value))
    except ValidationError as error:
        complaints += [{"pointer": pointer(name), "detail": detail} for name, detail in _flat(error, value)]
        return {}


def load_query(schema: StrictSchema | None, complaints: list[Complaint]) -> dict[str, Any]:
    """Return the query's parameters by the rules of `schema`, None meaning that there are none."""
    arguments = _arguments(request.query_string)
    repeated = [name for name, values in arguments.lists() if len(values) > 1]
    complaints += [{"parameter": name, "detail": "is given more than once"} for name in repeated]
    try:
        return dict((schema or StrictSchema()).load(arguments.to_dict()))
    except ValidationError as error:
        complaints += [{"parameter": name, "detail": detail} for name, detail in _flat(error, arguments)]
        return {}


def _arguments(query: bytes) -> MultiDict[str, str]:
    """Return the parameters. What is not UTF-8 becomes half a character, which no rule lets through."""
    sent = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
    return MultiDict((name.encode(errors="replace").decode(), value) for name, value in sent)


def refuse(complaints: list[Complaint]) -> Never:
    """Refuse the request with 422 and everything that is wrong with it."""
    raise Problem(422, "the request breaks the rules of this route", errors=complaints)


def pointer(name: str) -> str:
    """Return the JSON pointer (RFC 6901) to a member of the body."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _flat(error: ValidationError, sent: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and complaint: what is missing first, then in the order in which it was sent."""
    messages: dict[str, list[str]] = error.normalized_messages()  # type: ignore[no-untyped-call] # untyped in marshmallow
    places = {name: place for place, name in enumerate(sent)}
    names = sorted(messages, key=lambda name: places.get(name, -1))
    return [(name, detail) for name in names for detail in messages[name]]
