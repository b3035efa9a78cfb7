"""Reading what a client sends, in the order in which it is refused: 413, 415, 400, 422."""

import json
import math
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from flask import request
from pydantic import ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from common.errors import DomainError
from common.settings import HTTP_TOKEN
from common.web.field_types import PATTERN_MESSAGES, RULE, Schema

MERGE_PATCH = "application/merge-patch+json"  # RFC 7396
MAX_BODY = 64 * 1024  # bytes
MAX_DIGITS = 4300  # of an integer; more of them are still a number, but none that fits a rule
CHARSET = re.compile(r";[ \t]*charset\*?[ \t]*(?:=|;|$)", re.IGNORECASE)

FieldError = dict[str, str]  # what is wrong: `detail`, and where: `pointer`, `parameter` or `header`
Condition = Callable[[], bool]

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

# How pydantic's parser begins to say that it goes no further, where Python's does.
BEYOND_PYDANTIC = ("recursion limit exceeded", "number out of range")


class NotJson(DomainError):
    status = 400
    code = "not-json"
    message = "the body is not JSON"


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported-media-type"

    def __init__(self, types: Collection[str], *, method: str = "POST") -> None:
        self.message = f"the body must be {' or '.join(types)} in UTF-8"
        self.headers = {"Accept-Patch": ", ".join(types)} if method == "PATCH" else {}  # RFC 5789


class EncodedBody(UnsupportedMediaType):
    """The body is compressed, or encoded in another way (RFC 9110 section 8.4)."""

    headers: Mapping[str, str] = {"Accept-Encoding": "identity"}

    def __init__(self, coding: str) -> None:
        known = f" with {coding}" if HTTP_TOKEN.fullmatch(coding) else ""
        self.message = f"the body must not be encoded{known}"


def read_media_type(types: Collection[str]) -> str:
    """Return the media type of the body, which is one of `types` in UTF-8, or refuse with 415."""
    environ = request.environ
    content_type = environ.get("CONTENT_TYPE", "")
    mimetype, options = parse_options_header(content_type)  # it drops a parameter that it cannot read
    charsets = len(CHARSET.findall(content_type))
    is_utf_8 = not charsets or (charsets == 1 and options.get("charset", "").lower() in ("utf-8", "utf8"))
    coding = environ.get("HTTP_CONTENT_ENCODING", "identity")
    if coding.lower() != "identity":
        raise EncodedBody(coding)
    if mimetype.lower() not in types or not is_utf_8:
        raise UnsupportedMediaType(types, method=request.method)
    return mimetype.lower()


def read_body(types: Collection[str], most: int = MAX_BODY) -> bytes:
    """Return the whole body of a request, or refuse with 413 or 415.

    werkzeug would cut a chunked one at its limit and go on as if that were all.
    """
    environ = request.environ
    length = int(environ.get("CONTENT_LENGTH") or -1)  # a server lets nothing but digits through
    if length > most:
        raise RequestEntityTooLarge
    body: bytes = environ["wsgi.input"].read(most + 1 if length < 0 else length)
    if len(body) > most:
        raise RequestEntityTooLarge
    if environ.get("CONTENT_TYPE") not in types or "HTTP_CONTENT_ENCODING" in environ:
        read_media_type(types)
    return body


def _validate(validate: Callable[[Any], Any], value: Any, where: str, errors: list[FieldError]) -> Any:
    """Return what `validate` makes of `value`; add to `errors` what breaks a rule."""
    try:
        return validate(value)
    except ValidationError as error:
        errors += field_errors(error, where)
        return None


def read_json(
    model: type[Schema], errors: list[FieldError], types: Collection[str], body_if: Condition | None
) -> Any:
    """Return the JSON body of one of `types`, or None where `body_if` says that there is none."""
    if body_if and not body_if():
        return None
    body = read_body(types).removeprefix(BOM_UTF8)
    # Strictly first: pydantic's own parser takes NaN where a later member of the same name replaces it.
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError as error:
        return _validate(model.model_validate, parse_deep_json(body, error), "pointer", errors)
    return _validate(model.model_validate_json, body, "pointer", errors)


def parse_deep_json(text: bytes, refusal: ValueError) -> Any:
    """Parse what pydantic refused because it is too deep or has too long a number, or raise `NotJson`."""
    if not str(refusal).startswith(BEYOND_PYDANTIC):
        raise NotJson from refusal
    try:
        # `int` takes neither NaN nor Infinity, which are no JSON.
        value = json.loads(text.decode(), parse_int=_integer, parse_constant=int)
        json.dumps(value, ensure_ascii=False).encode()  # Python's parser lets half a character in
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    return value


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def read_query(model: type[Schema], errors: list[FieldError]) -> Any:
    """Return the parameters of the query, none of which may be given twice; an empty one is left out."""
    pairs = _query_pairs()
    sent = {name: value for name, value in pairs if value or name not in model.model_fields}
    if len(sent) < len(pairs):
        counts = Counter(name for name, _ in pairs).items()
        errors += (
            {"parameter": name, "detail": "is given more than once"} for name, count in counts if count > 1
        )
    return _validate(model.model_validate_strings, sent, "parameter", errors)


def _query_pairs() -> list[tuple[str, str]]:
    """Return the parameters as they came; what is not UTF-8 breaks each rule, as half a character."""
    query = request.environ.get("QUERY_STRING", "")
    if not query:
        return []
    query = query.encode("latin-1").decode(errors="surrogateescape")  # WSGI hands on bytes as Latin-1
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    return [(name.encode(errors="replace").decode(), value) for name, value in pairs]


def read_headers(model: type[Schema], errors: list[FieldError]) -> Any:
    environ = request.environ
    sent = {name: environ[variable] for name, variable in _wsgi_names(model) if variable in environ}
    return _validate(model.model_validate_strings, sent, "header", errors)


@cache
def _wsgi_names(model: type[Schema]) -> list[tuple[str, str]]:
    """Return the name of each header of a model, and that of its variable in WSGI."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    return [(name, f"HTTP_{name.upper().replace('-', '_')}") for name in names]


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
