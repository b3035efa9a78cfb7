"""Every error is a problem document, ours, the framework's or unforeseen, with a code for one case."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from importlib import import_module
from typing import Any, Never

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, ServiceUnavailable, default_exceptions
from werkzeug.test import TestResponse

from common.errors import DomainError, InvalidRequest, TokenRejected
from common.web import problems
from common.web.problems import default_code, problem
from tests.cases import every
from tests.pair import SERVICES
from tests.people import EVERY_PROBLEM
from tests.programs import ROOT
from tests.readme import blocks, section

SECRET = "SELECT password FROM users -- /srv/app.py"
NEWER_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; Python 3.13 has them too

# What the framework, or the server's edge, answers by itself on addresses of ours.
OF_THE_FRAMEWORK = (400, 404, 405, 408, 411, 413, 429, 500)
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (\d{3}) \| .+ \|$", re.MULTILINE)
OF_NGINX = re.compile(r'^        (?:([0-9]{3})|default) "([a-z-]+)";$', re.MULTILINE)


def answer_to(error: Exception) -> tuple[TestResponse, dict[str, Any]]:
    """Return what a client reads if a route raises this, and the problem in it."""

    def route() -> Never:
        raise error

    app = Flask(__name__)
    problems.init_app(app)
    app.add_url_rule("/", view_func=route)
    answer = app.test_client().get("/")
    problem: dict[str, Any] = json.loads(answer.data)
    assert answer.headers.getlist("Content-Type") == ["application/problem+json"]
    assert problem["status"] == answer.status_code
    assert problem["detail"] == problem["message"]
    return answer, problem


@every("status", [status for status in default_exceptions if status >= 400])
def test_every_status_of_the_framework_is_a_problem_in_words_of_ours(status: int) -> None:
    error = default_exceptions[status]

    answer, problem = answer_to(error())

    assert answer.status_code == status
    assert problem.keys() == EVERY_PROBLEM
    assert re.fullmatch("[a-z]+(-[a-z]+)*", problem["code"])
    assert problem["type"] == f"urn:bookstore:problem:{problem['code']}"
    assert problem["title"] == NEWER_TITLES.get(status, HTTPStatus(status).phrase)
    assert problem["message"] not in ("", error.description)


@pytest.mark.parametrize("error", [ZeroDivisionError(SECRET), UnicodeDecodeError("utf-8", b"", 0, 1, SECRET)])
def test_what_nobody_foresaw_says_nothing(error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    answer, problem = answer_to(error)

    assert answer.status_code == 500
    assert problem.keys() == EVERY_PROBLEM
    assert SECRET not in answer.text
    assert type(error).__name__ not in answer.text
    assert type(error).__name__ in capfd.readouterr().out


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
    assert answer_to(error)[0].headers[header] == value


@every("count", [1, 100, 250])
def test_a_refusal_lists_what_is_wrong_up_to_a_hundred_and_counts_all(count: int) -> None:
    errors = [{"pointer": f"/{number}", "detail": "is required"} for number in range(count)]

    _, problem = answer_to(InvalidRequest(errors))

    assert problem.keys() == EVERY_PROBLEM | {"errors", "error_count"}
    assert (problem["errors"], problem["error_count"]) == (errors[:100], count)


def subclasses_of(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses_of(subclass)


def kinds_of_errors() -> set[type[DomainError]]:
    """Return the classes of errors of the services and of what they share."""
    for service in SERVICES:
        import_module(f"{service}_service")
    return {kind for kind in subclasses_of(DomainError) if not kind.__module__.startswith("tests.")}


def codes_of_ours() -> set[tuple[str, int]]:
    """Return code and status of every error that has a class, and of what the framework says by itself."""
    ours = {(kind.code, kind.status) for kind in kinds_of_errors() if hasattr(kind, "code")}
    return ours | {(default_code(status), status) for status in OF_THE_FRAMEWORK}


def codes_of_nginx() -> set[tuple[str, int]]:
    """Return what nginx says by itself; those of tokens it repeats as books has said them."""
    _, _, text = (ROOT / "deploy/nginx/nginx.conf").read_text().partition("map $status $problem_code {")
    return {(code, int(status or 500)) for status, code in OF_NGINX.findall(text)}


def codes_of_the_table() -> list[tuple[str, int]]:
    rows = ROW.findall(section("docs/errors.md", "## Codes of problems"))
    return [(code, int(status)) for code, status in rows]


def test_a_code_stands_for_one_case_and_every_error_has_one() -> None:
    kinds = kinds_of_errors()
    codes = [kind.code for kind in kinds if "code" in vars(kind)]

    assert [code for code, times in Counter(codes).items() if times > 1] == []
    assert len(dict(codes_of_ours())) == len(codes_of_ours())
    leaves = [kind for kind in kinds if not kind.__subclasses__()]
    assert [kind for kind in leaves if not (hasattr(kind, "code") and hasattr(kind, "status"))] == []


def test_the_table_names_every_code_once_and_no_other_and_nginx_says_the_same() -> None:
    ours, rows = dict(codes_of_ours()), codes_of_the_table()

    assert sorted(rows) == sorted(codes_of_ours() | codes_of_nginx())
    assert ("body-too-large", 413) in codes_of_nginx()
    assert [code for code, status in codes_of_nginx() if ours.get(code, status) != status] == []


def test_the_example_looks_as_an_error_does() -> None:
    shown = blocks("docs/errors.md", "## What an error looks like", "json")

    assert [json.loads(text) for text in shown] == [problem(409, "book-exists", "book already exists")]
