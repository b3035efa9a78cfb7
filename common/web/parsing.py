"""Reading what a client sends, in the order in which it is refused: 413, 415, 400, 422."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Never, TypeVar
from urllib.parse import parse_qsl

from flask import request
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from common.web.field_types import NO_CONTROLS, NOT_BLANK, RULE, Schema
from common.web.problems import Problem
from common.web.responses import JSON, adapter

MERGE_PATCH = "application/merge-patch+json"  # RFC 7396
MAX_BODY = 64 * 1024  # bytes
MAX_DIGITS = 4300  # of an integer; more of them are a number all the same, but none that fits a rule

FieldError = dict[str, str]  # what is wrong: `detail`, and where: `pointer`, `parameter` or `header`
Condition = Callable[[], bool]
Reader = Callable[[list[FieldError]], Any]  # adds to the list what is wrong
T = TypeVar("T")

# What a client reads, by the kind of pydantic's error: never pydantic's own words, and never the value.
MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "model_type": "must be a JSON object",
    "string_type": "must be a string",
    "string_unicode": "must not hold control characters",
    "string_too_short": "must be at least {min_length} characters long",
    "string_too_long": "must be at most {max_length} characters long",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be an integer",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "literal_error": "must be {expected}",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}
PATTERN_MESSAGES = {
    NO_CONTROLS: "must not hold control characters",
    NOT_BLANK: "must not be blank, nor hold control characters",
}

# How pydantic's parser begins to say that it goes no further, where Python's does.
BEYOND_PYDANTIC = ("recursion limit exceeded", "number out of range")


class NotJson(ValueError):
    """A text that is no JSON."""


def read_body(types: Sequence[str] = (JSON,), most: int = MAX_BODY) -> bytes:
    """Return the body of a request, which has one of `types`, or refuse with 413 or 415."""
    environ = request.environ
    body = _read(environ, most)
    is_plain = environ.get("HTTP_CONTENT_ENCODING", "identity").lower() == "identity"
    content_type = environ.get("CONTENT_TYPE")
    if not is_plain or (content_type not in types and not is_utf_8(content_type, types)):
        _refuse_type(types)
    return body


def _read(environ: Mapping[str, Any], most: int) -> bytes:
    """Return the whole body; werkzeug would cut a chunked one at its limit and go on as if that were all."""
    announced = environ.get("CONTENT_LENGTH")  # a server lets nothing but digits through
    length = int(announced) if announced else None
    if length is not None and length > most:
        raise RequestEntityTooLarge
    body: bytes = environ["wsgi.input"].read(most + 1 if length is None else length)
    if len(body) > most:
        raise RequestEntityTooLarge
    return body


def is_utf_8(content_type: str | None, types: Iterable[str]) -> bool:
    """Return whether this is one of the media types `types`, in UTF-8."""
    mimetype, options = parse_options_header(content_type)
    return mimetype.lower() in types and options.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def type_rule(types: Iterable[str]) -> str:
    """Return what a client reads that sent a body of another type."""
    return f"the body must be {' or '.join(types)} in UTF-8"


def _refuse_type(types: Sequence[str]) -> Never:
    headers = {"Accept-Patch": ", ".join(types)} if request.method == "PATCH" else {}  # RFC 5789 section 2.2
    raise Problem(415, type_rule(types), headers=headers)


def load(validate: Callable[[Any], T], value: Any, where: str, errors: list[FieldError]) -> T | None:
    """Return what `validate` makes of `value`; add to `errors` what breaks a rule."""
    try:
        return validate(value)
    except ValidationError as error:
        errors += field_errors(error, where)
        return None


def body_reader(model: type[Schema], types: Sequence[str], body_if: Condition | None) -> Reader:
    """Return what reads a JSON body of one of `types`, or None where `body_if` says that there is none."""
    body = adapter(model)

    def read(errors: list[FieldError]) -> Any:
        return load_json(body, read_body(types), errors) if body_if is None or body_if() else None

    return read


def load_json(model: TypeAdapter[T], body: bytes, errors: list[FieldError]) -> T | None:
    """Return the value of a body; add to `errors` what breaks a rule, or refuse with 400."""
    # Strictly first: pydantic's own parser takes NaN where a later member of the same name replaces it.
    try:
        value = parse_json(body)
    except NotJson as error:
        raise BadRequest("the body is not JSON") from error
    try:
        return model.validate_json(body)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":  # JSON all the same, but deep, or with a long number
            return load(model.validate_python, value, "pointer", errors)
        errors += field_errors(error, "pointer")
        return None


def parse_json(text: bytes) -> Any:
    """Return the JSON value that `text` is, or raise `NotJson`."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        if not str(error).startswith(BEYOND_PYDANTIC):
            raise NotJson from error
        return _parse_deep_json(text)


def _parse_deep_json(text: bytes) -> Any:
    """Parse JSON that is deeper than pydantic goes or has a longer number, or raise `NotJson`."""
    try:
        value = json.loads(text.decode(), parse_int=_integer, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # Python's parser lets half a character in
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    return value


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def query_reader(model: type[Schema]) -> Reader:
    """Return what reads the parameters of a query."""
    query = adapter(model)
    return lambda errors: load_query(query, request.environ.get("QUERY_STRING", ""), errors)


def load_query(model: TypeAdapter[T], query: str, errors: list[FieldError]) -> T | None:
    """Return the parameters of a query; add to `errors` what breaks a rule, and what is given twice."""
    # WSGI hands on bytes as Latin-1; what is not UTF-8 becomes half a character, which no rule lets through.
    query = query.encode("latin-1").decode(errors="surrogateescape")
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape") if query else []
    sent = {name.encode(errors="replace").decode(): value for name, value in pairs}
    if len(sent) < len(pairs):
        counts = Counter(name.encode(errors="replace").decode() for name, _ in pairs)
        repeated = (name for name, count in counts.items() if count > 1)
        errors += ({"parameter": name, "detail": "is given more than once"} for name in repeated)
    return load(model.validate_strings, sent, "parameter", errors)


def header_reader(model: type[Schema]) -> Reader:
    """Return what reads the headers that a model declares by their names."""
    headers = adapter(model)
    names = [field.alias or name for name, field in model.model_fields.items()]
    variables = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}

    def read(errors: list[FieldError]) -> Any:
        environ = request.environ
        sent = {name: environ[variable] for name, variable in variables.items() if variable in environ}
        return load(headers.validate_strings, sent, "header", errors)

    return read


def field_errors(error: ValidationError, where: str) -> Iterable[FieldError]:
    """Yield what is wrong; `where` is `pointer` (RFC 6901), `parameter` or `header`."""
    for each in error.errors(include_url=False, include_input=False):
        names = [str(name) for name in each["loc"]]
        yield {where: pointer(*names) if where == "pointer" else names[0], "detail": _detail(each)}


def pointer(*names: str) -> str:
    """Return the JSON pointer (RFC 6901) to a member of the body."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def _detail(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == RULE:
        return str(error["msg"])
    if kind in MESSAGES:
        known = PATTERN_MESSAGES.get(context.get("pattern"), MESSAGES[kind])
        return known.format_map(context)
    name, _, rest = kind.partition("_")
    return f"must be a valid {name}" if rest in ("type", "parsing") else "is not valid"
