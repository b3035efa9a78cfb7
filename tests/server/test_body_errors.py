"""What an application sees of a body that the client broke."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, LimitRequestHeaders, NoMoreData
from werkzeug.exceptions import RequestTimeout
from werkzeug.wsgi import ClosingIterator

from common.errors import BrokenBody
from common.server.body_errors import BodyErrors
from tests.cases import every


class Broken:
    """A body that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, _size: int) -> bytes:
        raise self.error


def taken(take: Callable[[Any], object], **environ: Any) -> Any:
    """Return what an application behind `BodyErrors` makes of its body."""
    seen: list[Any] = []

    def application(environ: Any, _start: object) -> list[bytes]:
        seen.append(take(environ["wsgi.input"]))
        return []

    ClosingIterator(BodyErrors(application)(environ, lambda *_: lambda _: None)).close()
    return seen[0]


@every(
    "error, expected",
    [(error, BrokenBody) for error in (InvalidChunkSize(b"x"), ChunkMissingTerminator(b"x"), NoMoreData())]
    + [(LimitRequestHeaders("x"), BrokenBody), (ConnectionResetError(), BrokenBody)]
    + [(TimeoutError(), RequestTimeout)],
)
def test_errors_of_a_body_are_the_clients_and_of_no_interest_once_it_is_answered(
    error: Exception, expected: type[Exception]
) -> None:
    announced = {"CONTENT_LENGTH": "5", "wsgi.input": Broken(error)}

    with pytest.raises(expected):
        taken(lambda body: body.read(), **announced)
    assert taken(lambda _body: "answered", **announced) == "answered"


@every("take", [lambda body: body.read(), lambda body: [body.read(4), body.read(4)]])
def test_a_body_that_is_cut_off_is_the_clients_error(take: Callable[[Any], object]) -> None:
    with pytest.raises(BrokenBody):
        taken(take, **{"CONTENT_LENGTH": "9", "wsgi.input": io.BytesIO(b"one\ntwo")})
