"""No event ever appears behind a cursor, however transactions overlap."""

import threading
from concurrent.futures import ThreadPoolExecutor

from auth_service import events
from auth_service.models import db
from tests.cases import own_on_postgresql
from tests.feed.tellers import Teller
from tests.waiting import wait_until

WRITERS, EVENTS = 6, 15
WAITING = "SELECT count(*) AS count FROM pg_locks WHERE NOT granted"


def read_all(teller: Teller, cursor: int = 0) -> list[int]:
    with teller.app.app_context():
        return [event.id for event in events.find_events(after=cursor, limit=1000)]


@own_on_postgresql
def test_who_comes_second_waits_for_a_transaction_that_is_held_open(teller: Teller) -> None:
    with ThreadPoolExecutor() as threads, teller.app.app_context(), db.write() as connection:
        events.session_ended(connection, ["first"])
        second = threads.submit(teller.end, "second")
        wait_until(lambda: teller.execute(WAITING)[0].count, "the second waits")
        assert read_all(teller) == []
        assert not second.done()

    found = teller.execute("SELECT id, session_id FROM events ORDER BY id")
    assert [tuple(row) for row in found] == [(1, "first"), (2, "second")]


def test_a_reader_beside_many_writers_misses_nothing_and_a_rollback_leaves_no_gap(teller: Teller) -> None:
    found: list[int] = []
    over = threading.Event()

    def read_on() -> None:
        is_last = False
        while not is_last:
            is_last = over.is_set()
            found.extend(read_all(teller, found[-1] if found else 0))

    def write_on(writer: int) -> None:
        with teller.write() as connection:
            events.session_ended(connection, ["lost"])
            connection.rollback()
        for number in range(EVENTS):
            teller.end(*(f"{writer}-{number}-{each}" for each in range(1 + number % 3)))

    with ThreadPoolExecutor() as threads:
        reader = threads.submit(read_on)
        try:
            list(threads.map(write_on, range(WRITERS)))
        finally:
            over.set()
        reader.result()

    assert found == list(range(1, WRITERS * EVENTS * 2 + 1))
