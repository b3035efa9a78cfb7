"""When a request is whole, whatever the pieces it comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.arrival import MAX_BODY, MAX_HEAD, Arrival, Verdict
from tests.server.served import CHUNKED, CHUNKED_HEAD, GET, POST


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED, POST.replace(b"hello", b"h\r\n\r\n")])
@given(data=st.data())
def test_how_a_request_is_cut_up_makes_no_difference(request_bytes: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(request_bytes) - 1))))
    pieces = [request_bytes[a:b] for a, b in zip([0, *cuts], [*cuts, len(request_bytes)], strict=True)]
    arrival = Arrival()

    verdicts = [arrival.add(piece) for piece in pieces]

    assert verdicts == [Verdict.WAIT] * (len(pieces) - 1) + [Verdict.TAKE]
    assert arrival.data == request_bytes


@given(st.binary(max_size=200), st.sampled_from([b"", CHUNKED_HEAD]))
def test_no_bytes_break_the_gathering(rubbish: bytes, head: bytes) -> None:
    arrival = Arrival()
    arrival.add(head)

    assert arrival.add(rubbish) in Verdict


@pytest.mark.parametrize("piece", [b"A: b\r\n", b"1\r\nx\r\n", b"1;x=y\r\nx\r\n"])
def test_what_is_gathered_has_a_bound(piece: bytes) -> None:
    arrival = Arrival()
    verdict = arrival.add(GET[:-2] if piece.startswith(b"A") else CHUNKED_HEAD)

    while verdict is Verdict.WAIT:
        verdict = arrival.add(piece * 100)

    assert len(arrival.data) < MAX_HEAD + 3 * MAX_BODY


@pytest.mark.parametrize(
    ("start", "long"),
    [
        (POST.replace(b": 5", b": 65537"), True),
        (CHUNKED_HEAD + b"10001\r\n" + b"x" * 0x10001, True),
        (CHUNKED_HEAD.replace(b"chunked", b"gzip, chunked"), False),
        (CHUNKED_HEAD[:-2] + b"Content-Length: 99999\r\n\r\n", False),
        (CHUNKED_HEAD + b"1\r\nx\r\n" * MAX_BODY, False),
        (CHUNKED_HEAD + b"zz\r\n", False),
        (b"GET / HTTP/1.1\n", False),
    ],
)
def test_only_a_body_too_long_to_be_gathered_is_waited_for_in_a_thread(start: bytes, long: bool) -> None:
    arrival = Arrival()

    assert arrival.add(start) is Verdict.TAKE_LAST
    assert arrival.long is long
