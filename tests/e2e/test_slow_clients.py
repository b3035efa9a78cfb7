"""A hundred slow clients of each kind on each port: everybody else is answered, and they are in the end."""

from collections import Counter
from contextlib import ExitStack
from functools import partial

import pytest

from tests.books.files import HEADER, import_file
from tests.e2e.slow_clients import SLOW, Trickling, bodies, finish, heads, held, slow_readers
from tests.e2e.stack import Stack
from tests.pair import SERVICES
from tests.people import Person
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

BOOKS = 20_000  # on the shelf of the readers: an export of 11 MB
FILES = 10  # that bring them there
ASKED = [("auth", "/healthz"), ("auth", "/me"), ("books", "/healthz"), ("books", "/books")]
TIMES = 15  # for each of them
# What is longer than a socket takes; of an export there is more than nginx keeps, too.
LONG = {
    "auth": ["/docs/swagger-ui-bundle.js"] * SLOW,
    "books": ["/books?limit=200", "/books/export"] * (SLOW // 2),
}


@pytest.fixture(scope="module")
def reader(stack: Stack) -> Person:
    person = stack.register()
    rows = [f"{number} {'x' * 170},{'y' * 180},{'z' * 180},\r\n" for number in range(BOOKS)]
    for number in range(FILES):
        file = HEADER + "".join(rows[number::FILES])
        wait_until(partial(is_imported, person, file), "books is too busy")
    return person


def is_imported(person: Person, file: str) -> bool:
    return import_file(person, file).status_code == 200


def test_nobody_waits_for_slow_heads_bodies_and_readers(reader: Person) -> None:
    with ExitStack() as stack:
        readers = {each: stack.enter_context(slow_readers(reader, each, LONG[each])) for each in SERVICES}
        slow = {}
        for each in SERVICES:
            requests = heads(reader, each, SLOW) + bodies(reader, each, SLOW)  # a head has 20 s
            slow[each] = stack.enter_context(held(reader, each, requests))
        with Trickling([client for each in slow.values() for client in each]):
            answers = Counter(reader.get(path, service).status_code for service, path in ASKED * TIMES)
        statuses = {service: list(map(finish, each)) for service, each in slow.items()}
        read = {service: set(map(finish, each)) for service, each in readers.items()}

    assert answers == {200: len(ASKED) * TIMES}
    for service, accepted in {"auth": 401, "books": 201}.items():
        assert statuses[service] == [200] * SLOW + [accepted] * SLOW
        # All at once they are more than there are database connections for: some may get none in time.
        assert {200, 429} <= read[service] <= {200, 429, 503}


def test_somebody_who_reads_slowly_has_three_exports_at_a_time(reader: Person) -> None:
    """Each holds a thread of the service, of which a worker gives 4 to exports, and 2 to one user."""
    with slow_readers(reader, "books", ["/books/export"] * 10) as clients:
        statuses = Counter(map(finish, clients))

    assert statuses in ({200: 3, 429: 7}, {200: 2, 503: 1, 429: 7})  # the third may come to the same worker
