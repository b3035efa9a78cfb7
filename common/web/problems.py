"""What an error looks like: each is answered as `application/problem+json` (RFC 9457)."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException, InternalServerError

from common.errors import DomainError

PROBLEM_JSON = "application/problem+json"
MAX_ERRORS = 100  # listed in one 422; `error_count` says how many there are

log = structlog.get_logger()

# RFC 9110's own words, where those of Python depend on its version.
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

# Words for a status that are not made of its title.
CODES = {413: "body-too-large", 500: "internal-error"}

# What a client reads where the error gives no reason of its own, and its title is not enough.
MESSAGES = {
    400: "the request cannot be understood",
    404: "there is nothing at this address",
    405: "this address does not take this method",
    408: "the request took too long to arrive",
    413: "the body is too large",
}


def init_app(app: Flask) -> None:
    """Answer every error of the application and of the framework as a problem document."""
    app.register_error_handler(HTTPException, answer_http_exception)
    app.register_error_handler(DomainError, answer_domain_error)
    app.register_error_handler(Exception, answer_unexpected)


def answer_http_exception(error: HTTPException) -> Response:
    """Answer with the headers of `error`, but never with a text that somebody else put into it."""
    status = error.code or 500
    document = problem(status, default_code(status), default_message(status))
    return _response(document, error.get_headers())


def answer_domain_error(error: DomainError) -> Response:
    document = problem(error.status, error.code, error.message, error.detail)
    if error.errors is not None:
        listed = error.errors[:MAX_ERRORS]
        document |= {"errors": listed, "error_count": error.error_count or len(error.errors)}
    return _response(document, error.headers.items())


def answer_unexpected(error: Exception) -> Response:
    """Answer 500 without a reason, and log the error with its traceback."""
    log.error("unexpected_error", exc_info=error)
    return answer_http_exception(InternalServerError())


def _response(document: dict[str, Any], headers: Iterable[tuple[str, str]]) -> Response:
    response = Response(to_json(document), document["status"], [*headers], content_type=PROBLEM_JSON)
    if response.status_code in (429, 503):
        response.headers.setdefault("Retry-After", "1")  # seconds
    return response


def title(status: int) -> str:
    return TITLES.get(status) or HTTPStatus(status).phrase


def default_message(status: int) -> str:
    """Return what a client reads of an error that gives no reason of its own."""
    return MESSAGES.get(status, title(status).lower())


def default_code(status: int) -> str:
    """Return the code of an error of the framework: its title, if there is no other word for it."""
    return CODES.get(status) or re.sub("[^a-z]+", "-", title(status).lower())


def problem(status: int, code: str, message: str, detail: str | None = None) -> dict[str, Any]:
    """Return a problem document; `message` is for older clients, `code` for programs."""
    return {
        "type": f"urn:bookstore:problem:{code}",
        "title": title(status),
        "status": status,
        "code": code,
        "detail": detail or message,
        "message": message,
    }
