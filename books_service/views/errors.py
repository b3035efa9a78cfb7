"""Owns how a client is told what a shelf refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import abort

from books_service.shelf import books as shelf
from books_service.shelf import edit as editing
from books_service.shelf import idempotency
from books_service.views.blueprint import FULL
from common.web.guard import refuse_token
from common.web.problems import DETAILS, Refusal

NO_SUCH_BOOK = "book does not exist"
KNOWN_BOOK = "book already exists"
FAILED = "precondition failed"
STILL_RUNNING = "a request with this key is still running"


@contextmanager
def refusals() -> Iterator[None]:
    """Answer what is refused inside."""
    try:
        yield
    except editing.BookNotFound:
        abort(404, NO_SUCH_BOOK)
    except editing.PreconditionFailed:
        abort(412, FAILED)
    except shelf.DuplicateBook:
        abort(409, KNOWN_BOOK)
    except shelf.ShelfFull:
        abort(409, FULL)
    except shelf.OwnerDeleted:
        refuse_token("user")
    except idempotency.RequestInProgress as error:
        raise Refusal(409, STILL_RUNNING, headers={"Retry-After": "1"}) from error
    except idempotency.KeyReused as error:
        complaint = {"header": "Idempotency-Key", "detail": "came with another body before"}
        raise Refusal(422, DETAILS[422], errors=[complaint]) from error
