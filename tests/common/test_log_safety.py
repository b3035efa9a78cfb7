"""What servers write, their own lines included: nothing that is secret, and nothing that a terminal obeys."""

import re
import secrets
from itertools import product

import pytest

from tests import api, served
from tests.cases import every, on_postgresql
from tests.common.log_lines import all_lines
from tests.common.test_logs import HEADERS, PATHS, VALUES
from tests.common.wire import send, send_bytes
from tests.pair import SERVICES
from tests.served import ServedPair

pair = served.pair  # its servers are what is tested
LINE = re.compile(r"\d\d:\d\d:\d\d books \S.*")


@every(
    "message",
    [
        b"GET /books?password=HIDDEN HTTP/1.1 x\r\nHost: x\r\n\r\n",
        b"GET  /books?password=HIDDEN HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HIDDEN\r\n\r\n",
        b"GET /books HTTP/1.1\r\nAuthorization Bearer HIDDEN\r\n\r\n",
        b"GET /books HTTP/1.1\r\nAuthorization: Bearer\r\n HIDDEN\r\n\r\n",
        b"GET /books HTTP/1.1\r\nAuthorization: Bearer HIDDEN\x00\r\n\r\n",
        b"POST /books HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: HIDDEN\r\n\r\n",
        b"POST /books HTTP/1.1\r\nHost: x\r\nContent-Length: HIDDEN\r\n\r\n",
        b"GET /books?password=HIDDEN&x=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /books HTTP/1.1\r\nHost: x\r\nCookie: HIDDEN" + b"x" * 9000 + b"\r\n\r\n",
    ],
)
@every("service", SERVICES)
@on_postgresql
def test_what_is_no_request_leaves_nothing_in_the_log(pair: ServedPair, service: str, message: bytes) -> None:
    hidden = f"Kz9-{secrets.token_hex(8)}"
    api.get(f"{pair.url(service)}/nowhere")  # a line that is there in any case

    answer = send_bytes(pair, service, message.replace(b"HIDDEN", hidden.encode()))

    # gunicorn's own page repeats to the sender what was wrong with it.
    assert answer.status_code in (400, 401, 414, 431, 501)
    assert hidden not in pair.log(service).read_text()
    assert all_lines(pair.log(service).read_text())


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_no_client_sends_a_terminal_anything_but_text(own_served_pair: ServedPair) -> None:
    pair = own_served_pair
    pair.environment |= {"LOG_FORMAT": "console", "LOG_LEVEL": "debug", "NO_COLOR": "1"}
    pair.start("books")
    for text in PATHS:
        send(pair, "books", f"GET /books/1{text}")
    for name, value in product(HEADERS, VALUES):
        send(pair, "books", "GET /nowhere", [name + b": " + value])
    for path in ("/metrics", "/elsewhere"):
        api.get(f"http://127.0.0.1:{pair.metrics_ports['books']}{path}")
    pair.stop("books")

    lines = pair.log("books").read_bytes().decode().split("\n")[:-1]
    assert [line for line in lines if not (LINE.fullmatch(line) and line.isprintable())] == []
    assert len([line for line in lines if " 404 GET /nowhere " in line]) == len(HEADERS) * len(VALUES)
    *_, scrape, refused = [line for line in lines if "scrape" in line]
    assert re.fullmatch(r"..:..:.. books 200 \[debug\] scrape client=127.0.0.1", scrape)
    assert re.fullmatch(r"..:..:.. books 404 scrape client=127.0.0.1", refused)
