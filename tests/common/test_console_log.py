"""LOG_FORMAT=console: what the services really write for people."""

import re

import pytest

from tests import api
from tests.common.test_log_safety import HEADERS, PATHS, VALUES
from tests.common.wire import send
from tests.served import ServedPair

pytestmark = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # no database decides it

COLOR = re.compile(r"\x1b\[\d+m")
LINE = re.compile(r"\d\d:\d\d:\d\d books \S.*")


def test_no_client_sends_a_terminal_anything_but_text(own_served_pair: ServedPair) -> None:
    pair = own_served_pair
    pair.environment["LOG_FORMAT"] = "console"
    pair.start("books")
    for text in PATHS:
        send(pair, "books", f"GET /books/1{text}", [])
    for name in HEADERS:
        for value in VALUES:
            send(pair, "books", "GET /nowhere", [name + b": " + value])

    written = pair.log("books").read_bytes().decode()
    lines = COLOR.sub("", written).split("\n")[:-1]
    assert len(lines) == len(PATHS) + len(HEADERS) * len(VALUES)
    assert [line for line in lines if not (LINE.fullmatch(line) and line.isprintable())] == []
    assert COLOR.search(written)


def test_without_colours_there_is_nothing_but_the_lines(own_served_pair: ServedPair) -> None:
    pair = own_served_pair
    pair.environment |= {"LOG_FORMAT": "console", "LOG_LEVEL": "debug", "NO_COLOR": "1"}
    pair.start("books")
    url = f"http://127.0.0.1:{pair.metrics_ports['books']}"

    statuses = [api.get(url + path).status_code for path in ("/metrics", "/elsewhere")]

    assert statuses == [200, 404]
    pair.stop("books")
    *_, scrape, refused = [line for line in pair.log("books").read_text().splitlines() if "scrape" in line]
    assert re.fullmatch(r"..:..:.. books 200 \[debug\] scrape client=127.0.0.1", scrape)
    assert re.fullmatch(r"..:..:.. books 404 scrape client=127.0.0.1", refused)
