"""The route that lists a shelf."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from flask import Response, request
from pydantic import MISSING, Field

from books_service.shelf.find import BookPayload
from books_service.shelf.list import Sort, cursor_scope, find_page
from books_service.shelf.search import FILTERED, search_for
from books_service.views.books import ERIC, BookText
from common.web.cursors import PageCursor, page_start, write_cursor
from common.web.field_types import PageSize, PlainText, Schema
from common.web.guard import owned_blueprint, owner, verifier
from common.web.routes import json_response

SORT = (
    "What the books are sorted by, with `-` from the highest down: texts by code point in folded form"
    " (case-folded NFC), a missing `book_prize` last either way, what is equal by `id`."
)
WORDS = (
    "Words, separated by white space, all of which occur in the name, the author or the publisher, in any"
    " case and with or without accents, also inside other words. Every other character stands for itself."
)

WHOLE = "The whole value, in any case."

blueprint = owned_blueprint("shelf", "All books of the user, a page at a time")


class ListQuery(Schema):
    limit: Annotated[PageSize, Field(description="Books a page.")] = 50
    cursor: PageCursor | MISSING = MISSING
    sort: Annotated[Sort, Field(description=SORT)] = "id"
    q: Annotated[PlainText, Field(max_length=200, description=WORDS, examples=["pratch ERIC"])] = ""
    name: BookText | MISSING = Field(MISSING, description=WHOLE, examples=["Eric"])
    Author: BookText | MISSING = Field(MISSING, description=WHOLE, examples=["Terry Pratchett"])
    Publisher: BookText | MISSING = Field(MISSING, description=WHOLE, examples=["Gollancz"])


@dataclass(slots=True)
class BookList:
    """A page; `next` is the cursor of the page behind it, null on the last.

    `total` is the number of books on the shelf; it is there if the query has no `q` and no filters.
    """

    list_of_books: list[BookPayload]
    next: str | None
    total: int | MISSING = MISSING


@blueprint.operation(
    "GET /books",
    responses={200: BookList([ERIC], None, 1)},
    headers={"Link": "The address of the next page, if there is one (RFC 8288)."},
)
def list_books(query: ListQuery) -> Response:
    """List the shelf, or what the query finds on it, a page at a time."""
    keys = verifier().keys.current
    search = search_for(query.q, **query.model_dump(include=set(FILTERED)))
    listing = ["books", owner(), *cursor_scope(query.sort, search)]
    start = page_start(keys, listing, query.cursor)
    books, end, total = find_page(owner(), sort=query.sort, search=search, start=start, limit=query.limit)
    page = BookList(books, None, MISSING if total is None else total)
    if end is None:
        return json_response(page)
    page.next = write_cursor(keys, listing, end)
    link = _link(limit=str(query.limit), cursor=page.next)
    return json_response(page, headers={"Link": link})


def _link(**changed: str) -> str:
    query = urlencode(request.args.to_dict() | changed, quote_via=quote, safe="")
    return f'</books?{query}>; rel="next"'
