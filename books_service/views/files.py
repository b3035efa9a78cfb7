"""Files as bodies, up to 16 MiB."""

import ctypes
import io
from collections.abc import Mapping
from contextlib import suppress

from flask import request
from werkzeug.exceptions import LengthRequired, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from common.web.parsing import MAX_BODY, is_utf_8, type_rule
from common.web.problems import Problem

MAX_FILE = 16 * 1024 * 1024  # bytes
PIECE = 64 * 1024  # bytes


def is_long() -> bool:
    """Return whether the body may be longer than that of any other request."""
    length = request.content_length
    return length is None or length > MAX_BODY


def read_file(types: Mapping[str, str]) -> tuple[str, io.BytesIO]:
    """Return the media type of the request and its body, or refuse with 411, 413 or 415."""
    length = request.content_length
    if length is None and not request.environ.get("wsgi.input_terminated"):
        raise LengthRequired  # a file that was cut off would pass for a whole one
    if length is not None and length > MAX_FILE:
        raise RequestEntityTooLarge
    body = io.BytesIO()
    while piece := request.environ["wsgi.input"].read(PIECE):
        body.write(piece)
        if body.tell() > MAX_FILE:
            raise RequestEntityTooLarge
    body.seek(0)
    return _media_type(types), body


def _media_type(types: Mapping[str, str]) -> str:
    content_type = request.environ.get("CONTENT_TYPE")
    is_plain = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() == "identity"
    if not is_plain or not is_utf_8(content_type, types):
        raise Problem(415, type_rule(types))
    return parse_options_header(content_type)[0].lower()


def trim_heap() -> None:
    """Give the memory that a file has used back to the system.

    glibc keeps for a thread what that thread has freed, so each further thread with a large request would
    make the process grow by as much again.
    """
    with suppress(AttributeError, OSError):  # another C library, which has no such function
        ctypes.CDLL(None).malloc_trim(0)
