"""What an error looks like: each is answered as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException, default_exceptions

from common.errors import DomainError

PROBLEM_JSON = "application/problem+json"
MAX_ERRORS = 100  # listed in one 422; `error_count` says how many there are
RETRY_AFTER = {429: 1, 503: 1}  # seconds, unless the error itself says how long

log = structlog.get_logger()

# RFC 9110's own words, where those of Python depend on its version.
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

# What a client reads where the application or the framework gave no reason of its own.
DETAILS = {
    400: "the request cannot be understood",
    401: "a valid token is missing",
    403: "forbidden",
    404: "there is nothing at this address",
    405: "this address does not take this method",
    408: "the request took too long to arrive",
    413: "the body is too large",
    415: "the body must be application/json in UTF-8",
    422: "the request breaks the rules of this route",
    429: "too many requests",
    500: "internal server error",
    503: "the service cannot answer right now",
}


class Problem(HTTPException):
    """An error answer with its own headers, or with a list of what is wrong."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str | int]] | None = None,
        error_count: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = status
        self.headers = dict(headers or {})
        self.errors = errors
        self.error_count = error_count  # where `errors` are not all of them

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        return [*super().get_headers(*args, **kwargs), *self.headers.items()]


def init_app(app: Flask) -> None:
    """Answer every error of the application and of the framework as a problem document."""
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(DomainError, answer_domain_error)
    app.register_error_handler(Exception, answer_unexpected)


def answer(error: HTTPException) -> Response:
    """Render `error`, keeping the headers it brings (`Allow`, `Retry-After`, `WWW-Authenticate`)."""
    status = error.code or 500
    response = Response(to_json(problem(error)), status=status)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    if status in RETRY_AFTER:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER[status]))
    response.mimetype = PROBLEM_JSON
    return response


def answer_domain_error(error: DomainError) -> Response:
    """Answer with the status, message and headers of the error's class."""
    return answer(
        Problem(
            error.status,
            error.message,
            headers=error.headers,
            errors=error.errors,
            error_count=error.error_count,
        )
    )


def answer_unexpected(error: Exception) -> Response:
    """Answer 500 without a reason, and log the error with its traceback."""
    log.error("unexpected_error", exc_info=error)
    return answer(default_exceptions[500]())


def title(status: int) -> str:
    """Return the name of an HTTP status."""
    return TITLES.get(status) or HTTPStatus(status).phrase


def problem(error: HTTPException) -> dict[str, Any]:
    """Return the members of the problem document of `error`."""
    status = error.code or 500
    message = _message(error, status)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title(status),
        "status": status,
        "detail": message,
        "message": message,
    }
    errors = getattr(error, "errors", None)
    if errors is not None:
        document["errors"] = errors[:MAX_ERRORS]
        document["error_count"] = getattr(error, "error_count", None) or len(errors)
    return document


def _message(error: HTTPException, status: int) -> str:
    """Return our own words: a text that the framework put into the exception is never shown."""
    is_ours = isinstance(error, Problem) or type(error) is default_exceptions.get(status)
    text = error.description if is_ours and error.description != type(error).description else None
    return text or DETAILS.get(status, title(status).lower())
