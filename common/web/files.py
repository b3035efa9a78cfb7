"""Owns files as bodies: how one is read, and how the documentation tells of the media types."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request
from werkzeug.exceptions import LengthRequired, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from common.web.parsing import MAX_BODY, rule_of_types
from common.web.problems import DETAILS, Refusal
from common.web.responses import Complaint, file_content, problem

MAX_FILE = 16 * 1024 * 1024  # bytes
PIECE = 64 * 1024  # bytes
UNKNOWN_MEMBER = Complaint("is not known here", line=2, pointer="/price")


@dataclass(frozen=True, slots=True)
class Files:
    """The media types of the file that a route takes or gives, each with an example.

    A view that takes one reads its request itself, the query included.
    """

    takes: Mapping[str, str] = field(default_factory=dict)
    gives: Mapping[str, str] = field(default_factory=dict)

    def document(self, operation: dict[str, Any]) -> None:
        """Put them into an OpenAPI operation."""
        responses: dict[str, Any] = operation["responses"]
        if self.gives:
            responses["200"]["content"] = file_content(self.gives)
        if self.takes:
            operation["requestBody"] = {"required": True, "content": file_content(self.takes)}
            refusals = {status: DETAILS[status] for status in (408, 413)} | {
                415: rule_of_types([*self.takes])
            }
            responses |= {str(status): problem(status, text) for status, text in refusals.items()}
            responses["422"] = problem(422, DETAILS[422], UNKNOWN_MEMBER)


def is_long() -> bool:
    """Tell whether the body may be longer than that of any other request."""
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
    mimetype, options = parse_options_header(request.environ.get("CONTENT_TYPE"))
    is_plain = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() == "identity"
    is_utf_8 = options.get("charset", "utf-8").lower() in ("utf-8", "utf8")
    if not is_plain or not is_utf_8 or mimetype.lower() not in types:
        raise Refusal(415, rule_of_types([*types]))
    return mimetype.lower()
