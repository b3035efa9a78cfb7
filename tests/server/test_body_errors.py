"""What an application sees of a body that the client broke."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, LimitRequestHeaders, NoMoreData
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout

from common.body_errors import BodyErrors


class Broken:
    """A body that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, _size: int) -> bytes:
        raise self.error

    readline = read


def seen_by_an_application(**environ: Any) -> Any:
    """Return the body that an application behind `BodyErrors` is given."""
    BodyErrors(lambda _environ, _start: [])(environ, lambda *_: lambda _: None)
    return environ["wsgi.input"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidChunkSize(b"x"), BadRequest),
        (ChunkMissingTerminator(b"x"), BadRequest),
        (LimitRequestHeaders("x"), BadRequest),
        (NoMoreData(), BadRequest),
        (ConnectionResetError(), BadRequest),
        (TimeoutError(), RequestTimeout),
    ],
)
@pytest.mark.parametrize("method", ["read", "readline", "readlines", "__iter__"])
def test_errors_of_a_body_are_the_clients(
    error: Exception, expected: type[HTTPException], method: str
) -> None:
    body = seen_by_an_application(**{"CONTENT_LENGTH": "5", "wsgi.input": Broken(error)})

    with pytest.raises(expected):
        list(getattr(body, method)())


@pytest.mark.parametrize(
    "take",
    [
        lambda body: body.read(),
        lambda body: [body.read(4), body.read(4)],
        lambda body: [body.readline(), body.readline()],
        lambda body: body.readlines(),
        list,
    ],
)
def test_a_body_that_is_cut_off_is_the_clients_error(take: Callable[[Any], object]) -> None:
    body = seen_by_an_application(**{"CONTENT_LENGTH": "9", "wsgi.input": io.BytesIO(b"one\ntwo")})

    with pytest.raises(BadRequest):
        take(body)


@pytest.mark.parametrize("announced", [{"CONTENT_LENGTH": "7"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_whole_body_is_read_as_it_is(announced: dict[str, str]) -> None:
    def body() -> Any:
        return seen_by_an_application(**announced, **{"wsgi.input": io.BytesIO(b"one\ntwo")})

    assert body().read() == b"one\ntwo"
    assert [body().read(3), body().readline(), body().readline(2)] == [b"one", b"one\n", b"on"]
    assert body().readlines() == list(body()) == [b"one\n", b"two"]
