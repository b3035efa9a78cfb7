"""What a schema may hold, more than the services need; and the times in answers, with six decimals always."""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
import requests
import time_machine
from flask import Flask, Response
from pydantic import MISSING, Field, field_validator
from werkzeug.test import TestResponse

from common.web import openapi, problems
from common.web.field_types import Schema, Text, WholeNumber, rule_error
from common.web.routes import ApiBlueprint
from tests.cases import every
from tests.conftest import keys_of
from tests.feed import followers
from tests.feed.ends import log_out
from tests.feed.service_tokens import ask, service_token
from tests.pair import Pair
from tests.people import book, register, register_admin

pair = followers.pair  # whose feed is empty

LINES = r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$"
GOOD = {"tags": ["old", "signed"], "notes": "one\ntwo", "price": "12.50", "published": "1990-09-01"}


class Edition(Schema):
    """An edition of a book."""

    tags: Annotated[list[Annotated[Text, Field(max_length=20)]], Field(max_length=3)]
    notes: Annotated[str, Field(max_length=2000, pattern=LINES)]
    price: Annotated[Decimal, Field(gt=0, decimal_places=2, max_digits=8)]
    published: date
    pages: Annotated[int, Field(ge=1), WholeNumber] | MISSING = MISSING

    @field_validator("tags")
    @classmethod
    def check_tags(cls, tags: list[str]) -> list[str]:
        """Refuse a tag that is there twice."""
        if len(set(tags)) < len(tags):
            raise rule_error("must not hold a tag twice")
        return tags


class Search(Schema):
    """Which editions to list."""

    title: Text


blueprint = ApiBlueprint("editions", description="Editions of books")


@blueprint.operation("POST /editions", responses={201: None})
def create_edition(body: Edition) -> Response:
    """Answer with what was read."""
    return Response(repr(body), 201)


@blueprint.operation("GET /editions", responses={200: None})
def list_editions(query: Search) -> Response:
    """Answer with what was read."""
    return Response(repr(query))


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask(__name__)
    app.config.update(TITLE="Editions", SUMMARY="Editions of books.")
    openapi.init_app(app, version="1", blueprints=[blueprint])
    problems.init_app(app)
    return app


def wrong(answer: TestResponse) -> dict[str, str]:
    """Return what is wrong, by where it is."""
    assert answer.status_code == 422
    errors = json.loads(answer.data)["errors"]
    return {error.get("pointer", error.get("parameter")): error["detail"] for error in errors}


def test_lists_lines_decimals_and_dates_are_read_and_described(app: Flask) -> None:
    answer = app.test_client().post("/editions", json=GOOD)

    read = GOOD | {"price": Decimal("12.50"), "published": date(1990, 9, 1)}
    assert (answer.status_code, answer.text) == (201, repr(Edition.model_validate(read)))
    properties = app.extensions["openapi"]["components"]["schemas"]["Edition"]["properties"]
    assert (properties["tags"]["type"], properties["tags"]["maxItems"]) == ("array", 3)
    assert properties["published"] == {"type": "string", "format": "date"}
    assert properties["pages"] == {"type": "integer", "minimum": 1}


@every(
    "member, value, where, detail",
    [
        ("tags", "old", "/tags", "must be a list"),
        ("tags", ["old", ""], "/tags/1", "must be at least 1 characters long"),
        ("tags", ["old", 1], "/tags/1", "must be a string"),
        ("tags", ["a", "b", "c", "d"], "/tags", "must have at most 3 items"),
        ("tags", ["old", "old"], "/tags", "must not hold a tag twice"),
        ("notes", "a\0b", "/notes", f"must match {LINES}"),
        ("price", "12.505", "/price", "is not valid"),
        *(("price", value, "/price", "must be a valid decimal") for value in ("a lot", True)),
        *(("published", value, "/published", "must be a valid date") for value in ("1990-13-01", 12, None)),
        ("pages", 0, "/pages", "must be at least 1"),
        ("pages", None, "/pages", "must be an integer"),
    ],
)
def test_what_breaks_their_rules_is_said_in_our_words(
    app: Flask, member: str, value: Any, where: str, detail: str
) -> None:
    assert wrong(app.test_client().post("/editions", json=GOOD | {member: value})) == {where: detail}


def test_a_query_may_hold_utf_8_as_it_is(app: Flask) -> None:
    """Granian hands it on as bytes in Latin-1, as WSGI says; gunicorn refuses it."""
    raw, broken = ({"QUERY_STRING": f"title={text}"} for text in ("\xc3\xa9", "\xc3"))
    client = app.test_client()

    assert "title='é'" in client.get("/editions", environ_overrides=raw).text
    refused = client.get("/editions", environ_overrides=broken)
    assert wrong(refused) == {"title": "must not hold control characters"}


def times_in(answer: requests.Response) -> dict[str, str]:
    """Return the last time of each name."""
    assert answer.ok, answer.text
    found = re.findall(r'"(\w+_at|at|until)":"([^"]*)"', answer.text)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time) for _, time in found), found
    return dict(found)


@every("microseconds", [0, 120_000])
def test_times_have_six_decimals_also_at_a_moment_that_needs_none(pair: Pair, microseconds: int) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, microseconds, tzinfo=UTC)
    with time_machine.travel(moment, tick=False):
        admin, person = register_admin(pair), register(pair)
        headers, body = person.with_token(Idempotency_Key="a-key"), book()
        books = [person.post("/books", body, headers=headers) for _ in range(2)]  # the second is a replay
        path = books[0].headers["Location"]
        books += [person.get(path), person.get("/books"), person.patch(path, {"book_prize": 13})]
        users = [person.get("/me", "auth"), admin.get("/users", "auth")]
        sessions = person.get("/sessions", "auth")
        log_out(person)
        events = ask(pair, service_token(keys_of(pair)[0]))

    shown = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
    assert [times_in(each) for each in books] == [{"created_at": shown, "updated_at": shown}] * 5
    assert [times_in(each).keys() for each in users] == [{"created_at"}] * 2
    assert times_in(sessions).keys() == {"created_at", "last_used_at", "expires_at"}
    assert times_in(events).keys() == {"at", "until"}
