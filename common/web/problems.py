"""What an error looks like: each is answered as `application/problem+json` (RFC 9457)."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from common.errors import DomainError, Errors

PROBLEM_JSON = "application/problem+json"
MAX_ERRORS = 100  # listed in one 422; `error_count` says how many there are

log = structlog.get_logger()

# RFC 9110's own words, where those of Python depend on its version.
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

# What a client reads where the error gives no reason of its own, and its title is not enough.
MESSAGES = {
    400: "the request cannot be understood",
    401: "a valid token is missing",
    404: "there is nothing at this address",
    405: "this address does not take this method",
    408: "the request took too long to arrive",
    413: "the body is too large",
    422: "the request breaks the rules of this route",
    503: "the service cannot answer right now",
}


def init_app(app: Flask) -> None:
    """Answer every error of the application and of the framework as a problem document."""
    app.register_error_handler(HTTPException, answer_http_exception)
    app.register_error_handler(DomainError, answer_domain_error)
    app.register_error_handler(Exception, answer_unexpected)


def answer_http_exception(error: HTTPException) -> Response:
    """Answer with the headers of `error`, but never with a text that the framework put into it."""
    status = error.code or 500
    is_ours = type(error) is default_exceptions.get(status) and error.description != type(error).description
    message = (error.description if is_ours else None) or default_message(status)
    return _response(problem(status, message), error.get_headers())


def answer_domain_error(error: DomainError) -> Response:
    """Answer with the status, message and headers of the error's class."""
    document = problem(error.status, error.message, error.errors, error.error_count)
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
    """Return the name of an HTTP status."""
    return TITLES.get(status) or HTTPStatus(status).phrase


def default_message(status: int) -> str:
    """Return what a client reads of an error that gives no reason of its own."""
    return MESSAGES.get(status, title(status).lower())


def problem(
    status: int, message: str, errors: Errors | None = None, error_count: int | None = None
) -> dict[str, Any]:
    """Return a problem document; `error_count` says how many errors there are if `errors` lacks some."""
    document = {"type": "about:blank", "title": title(status), "status": status}
    document |= {"detail": message, "message": message}
    if errors is None:
        return document
    return document | {"errors": errors[:MAX_ERRORS], "error_count": error_count or len(errors)}
