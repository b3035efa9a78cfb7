"""Owns the route that lists a shelf."""

from urllib.parse import quote, urlencode

import msgspec
from flask import Response, request

from books_service.shelf import sort as sorting
from books_service.shelf.books import BookPayload
from books_service.shelf.search import search_for
from books_service.views.blueprint import ERIC, blueprint, owner
from common.web.answers import answer
from common.web.cursors import Cursor, page_start, write_cursor
from common.web.fields import Choice, QueryNumber, StrictSchema, Text, Words
from common.web.guard import verifier

SORT = (
    "What the books are sorted by, with `-` from the highest down: texts by code point in folded form"
    " (case-folded NFC), a missing `book_prize` last either way, what is equal by `id`."
)
WORDS = (
    "Words, separated by white space, all of which occur in the name, the author or the publisher, in any"
    " case, also inside other words. Every other character stands for itself."
)


def whole(member: str) -> Text:
    """Return the parameter that asks for the whole value of a member."""
    told = {"description": f"The whole `{member}`, in any case.", "examples": [getattr(ERIC, member)]}
    return Text(high=200, load_default=None, allow_none=False, metadata=told)


class Page(StrictSchema):
    """Which part of a list is wanted."""

    limit = QueryNumber(low=1, high=200, load_default=50, metadata={"description": "Books a page."})
    cursor = Cursor()
    sort = Choice(sorting.SORTS, description=SORT)
    q = Words(high=200, description=WORDS, examples=["pratch ERIC"])
    name = whole("name")
    Author = whole("Author")
    Publisher = whole("Publisher")


class BookList(msgspec.Struct):
    """A page of the shelf; `next` is the cursor of the page behind it, null on the last."""

    list_of_books: list[BookPayload]
    next: str | None


@blueprint.operation(
    "GET /books",
    query=Page,
    answers={200: BookList([ERIC], None)},
    headers={"Link": "The address of the next page, if there is one (RFC 8288)."},
)
def list_books(limit: int, cursor: str | None, sort: str, q: str, **values: str | None) -> Response:
    """List the shelf, or what of it is wanted, a page at a time."""
    keys, search = verifier().keys.current(), search_for(q, **values)
    pages = ["books", owner(), *sorting.identity(sort, search)]
    start = page_start(keys, pages, cursor)
    books, end = sorting.list_books(owner(), sort=sort, search=search, start=start, limit=limit)
    if end is None:
        return answer(BookList(books, None))
    following = write_cursor(keys, pages, end)
    return answer(BookList(books, following), headers={"Link": _link(limit=str(limit), cursor=following)})


def _link(**changed: str) -> str:
    """Return the `Link` header that leads from this page to the next."""
    query = urlencode(request.args.to_dict() | changed, quote_via=quote, safe="")
    return f'</books?{query}>; rel="next"'
