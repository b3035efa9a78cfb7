"""What the tests of lists have in common: all pages of a shelf, and the form that texts are compared in."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from tests.people import Person

SORTS = ["id", "name", "Author", "book_prize", "created_at"]
SORTS += [f"-{sort}" for sort in SORTS]


def pages(person: Person, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield the books of a page, and ask for the next page when there was time for changes."""
    while True:
        answer = person.get("/books", params=query)
        assert answer.status_code == 200, answer.text
        yield answer.json()["list_of_books"]
        query["cursor"] = answer.json()["next"]
        if query["cursor"] is None:
            return


def ids(person: Person, **query: Any) -> list[int]:
    """Return the ids of all books, page by page."""
    return [each["id"] for page in pages(person, **query) for each in page]


def folded(text: str) -> str:
    """Return the text as the contract says that texts are compared, written down apart from the service."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
