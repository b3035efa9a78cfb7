"""The routes of things."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from flask import Response
from pydantic import MISSING, Field

from common.errors import PreconditionFailed
from common.web.cursors import PageCursor, page_start, write_cursor
from common.web.etags import Preconditions
from common.web.field_types import PageSize, PlainText, Schema, Text
from common.web.guard import owned_blueprint, owner, verifier
from common.web.parsing import MERGE_PATCH
from common.web.routes import JSON, empty_response, json_response
from things_service.statements import (
    ThingNotFound,
    ThingPayload,
    create_thing,
    find_thing,
    find_things,
    remove_thing,
    update_thing,
)

ETAG = {"ETag": "The version: another one after every change (RFC 9110 section 8.8.3)."}
MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
EXAMPLE = ThingPayload(1, "Milk", "Two bottles", MADE_AT, MADE_AT)

blueprint = owned_blueprint("things", "What belongs to the user whom the token names")

Title = Annotated[Text, Field(max_length=200, examples=["Milk"])]
Body = Annotated[PlainText, Field(max_length=10_000, examples=["Two bottles"])]


class NewThing(Schema):
    """What is to be stored."""

    title: Title
    body: Body = ""


class ThingChange(Schema):
    """What is to be changed (RFC 7396); what is left out stays."""

    title: Title | MISSING = MISSING
    body: Body | MISSING = MISSING


class ThingQuery(Schema):
    limit: Annotated[PageSize, Field(description="Rows a page.")] = 50
    cursor: PageCursor | MISSING = MISSING


@dataclass(slots=True)
class ThingList:
    """A page, by id; `next` is the cursor of the page behind it, null on the last."""

    things: list[ThingPayload]
    next: str | None


@blueprint.operation("POST /things", responses={201: EXAMPLE}, headers=ETAG)
def post_thing(body: NewThing) -> Response:
    """Store a new one."""
    stored = create_thing(owner(), body.model_dump())
    return json_response(stored, 201, {"Location": f"/things/{stored.id}", "ETag": stored.etag})


@blueprint.operation("GET /things", responses={200: ThingList([EXAMPLE], None)})
def list_things(query: ThingQuery) -> Response:
    """List all, a page at a time."""
    keys, listing = verifier().keys.current, ["things", owner()]
    start = page_start(keys, listing, query.cursor)
    after = int(str(start[0])) if start else 0
    rows, has_more = find_things(owner(), after=after, limit=query.limit)
    return json_response(ThingList(rows, write_cursor(keys, listing, [rows[-1].id]) if has_more else None))


@blueprint.operation(
    "GET /things/<row:thing_id>",
    responses={200: EXAMPLE, 304: None},
    headers=ETAG,
    errors=[ThingNotFound, PreconditionFailed],
)
def show_thing(thing_id: int, headers: Preconditions) -> Response:
    """Show one."""
    found = find_thing(owner(), thing_id)
    if not headers.match(found.etag):
        raise PreconditionFailed
    return empty_response(304, thing_headers(found)) if headers.know(found.etag) else thing_response(found)


def thing_headers(found: ThingPayload) -> dict[str, str]:
    """Return the headers of a response that shows one: a cache asks whether it is still current."""
    return {"ETag": found.etag, "Cache-Control": "private, no-cache"}


def thing_response(found: ThingPayload) -> Response:
    return json_response(found, headers=thing_headers(found))


@blueprint.operation(
    "PATCH /things/<row:thing_id>",
    body_types=[MERGE_PATCH, JSON],
    responses={200: EXAMPLE},
    headers=ETAG,
    errors=[ThingNotFound, PreconditionFailed],
)
def change_thing(thing_id: int, body: ThingChange, headers: Preconditions) -> Response:
    """Change some members of one."""
    return thing_response(update_thing(owner(), thing_id, body.model_dump(), headers.allow_change))


@blueprint.operation(
    "DELETE /things/<row:thing_id>", responses={204: None}, errors=[ThingNotFound, PreconditionFailed]
)
def delete_thing(thing_id: int, headers: Preconditions) -> Response:
    """Delete one."""
    remove_thing(owner(), thing_id, headers.allow_change)
    return empty_response(204)
