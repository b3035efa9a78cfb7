"""Every error is a problem document: ours, the framework's, and what nobody foresaw."""

import json
import re
from http import HTTPStatus
from typing import Any, Never

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed, ServiceUnavailable, default_exceptions
from werkzeug.test import TestResponse

from common.errors import InvalidRequest, TokenRejected
from common.web import problems
from tests.cases import every

MEMBERS = {"type", "title", "status", "code", "detail", "message"}
SECRET = "SELECT password FROM users -- /srv/app.py"
NEWER_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; Python 3.13 has them too
ERRORS = sorted(status for status in default_exceptions if status >= 400)


class OwnError(Exception):
    """An error that nobody handles."""


def answer_to(error: Exception) -> TestResponse:
    """Return what a client reads if a route raises this."""

    def route() -> Never:
        raise error

    app = Flask(__name__)
    problems.init_app(app)
    app.add_url_rule("/", view_func=route)
    return app.test_client().get("/")


def problem_of(answer: TestResponse) -> dict[str, Any]:
    problem: dict[str, Any] = json.loads(answer.data)
    assert answer.mimetype == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["detail"] == problem["message"]
    return problem


@every("status", ERRORS)
def test_every_status_of_the_framework_is_a_problem_in_words_of_ours(status: int) -> None:
    error = default_exceptions[status]

    answer = answer_to(error())

    problem = problem_of(answer)
    assert answer.status_code == status
    assert problem.keys() == MEMBERS
    assert re.fullmatch("[a-z]+(-[a-z]+)*", problem["code"])
    assert problem["type"] == f"urn:bookstore:problem:{problem['code']}"
    assert problem["title"] == NEWER_TITLES.get(status, HTTPStatus(status).phrase)
    assert problem["message"] not in ("", error.description)


@pytest.mark.parametrize("error", [OwnError(SECRET), UnicodeDecodeError("utf-8", b"", 0, 1, SECRET)])
def test_what_nobody_foresaw_says_nothing(error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    answer = answer_to(error)

    assert problem_of(answer)["status"] == 500
    assert problem_of(answer).keys() == MEMBERS
    assert SECRET not in answer.text
    assert type(error).__name__ not in answer.text
    assert type(error).__name__ in capfd.readouterr().out


def test_an_error_of_the_framework_with_a_library_s_text_says_nothing() -> None:
    class Strange(HTTPException):
        code = 400
        description = SECRET

    assert SECRET not in answer_to(Strange()).text


@every(
    "error, header, value",
    [
        (MethodNotAllowed(valid_methods=["GET"]), "Allow", "GET"),
        (ServiceUnavailable(retry_after=7), "Retry-After", "7"),
        (ServiceUnavailable(), "Retry-After", "1"),
        (default_exceptions[429](), "Retry-After", "1"),
        (TokenRejected("no"), "WWW-Authenticate", 'Bearer realm="bookstore", error="invalid_token"'),
    ],
)
def test_an_error_keeps_its_headers(error: Exception, header: str, value: str) -> None:
    answer = answer_to(error)

    assert answer.headers[header] == value
    assert answer.headers.getlist("Content-Type") == ["application/problem+json"]


@every("count", [1, 100, 250])
def test_a_refusal_lists_what_is_wrong_up_to_a_hundred_and_counts_all(count: int) -> None:
    errors = [{"pointer": f"/{number}", "detail": "is required"} for number in range(count)]

    problem = problem_of(answer_to(InvalidRequest(errors)))

    assert problem.keys() == MEMBERS | {"errors", "error_count"}
    assert (problem["errors"], problem["error_count"]) == (errors[:100], count)
