"""A hundred slow clients of each kind on each port: everybody else is answered, and they are in the end."""

from collections import Counter
from contextlib import ExitStack

import pytest

from tests.books.files import HEADER, import_file
from tests.e2e.slow_clients import SLOW, SlowClient, Trickling, finish, slow_clients
from tests.e2e.stack import Stack
from tests.pair import SERVICES
from tests.people import Person

pytestmark = pytest.mark.compose

BOOKS = 20_000  # on the shelf of the readers: an export of 11 MB
ASKED = [("auth", "/healthz"), ("auth", "/me"), ("books", "/healthz"), ("books", "/books")]
TIMES = 50  # for each of them
# What is longer than a socket takes; of an export there is more than nginx keeps, too.
LONG = {
    "auth": ["/docs/swagger-ui-bundle.js"] * SLOW,
    "books": ["/books?limit=200", "/books/export"] * (SLOW // 2),
}


@pytest.fixture(scope="module")
def reader(stack: Stack) -> Person:
    person = stack.register()
    lines = (f"{number} {'x' * 170},{'y' * 180},{'z' * 180},\r\n" for number in range(BOOKS))
    answer = import_file(person, HEADER + "".join(lines))
    assert answer.json() == {"created": BOOKS, "skipped": 0}
    return person


def test_nobody_waits_for_slow_heads_bodies_and_readers(reader: Person) -> None:
    clients: dict[str, list[SlowClient]] = {}
    with ExitStack() as stack:
        for service in SERVICES:
            slow = slow_clients(reader, service, heads=SLOW, bodies=SLOW, reads=LONG[service])
            clients[service] = stack.enter_context(slow)
        with Trickling([client for each in clients.values() for client in each]):
            answers = Counter(reader.get(path, service).status_code for service, path in ASKED * TIMES)
        statuses = {service: [finish(client) for client in each] for service, each in clients.items()}

    assert answers == {200: len(ASKED) * TIMES}
    for service, accepted in {"auth": 401, "books": 201}.items():
        assert statuses[service][: 2 * SLOW] == [200] * SLOW + [accepted] * SLOW
        # All at once they are more than there are database connections for: some may get none in time.
        assert {200, 429} <= set(statuses[service][2 * SLOW :]) <= {200, 429, 503}


def test_somebody_who_reads_slowly_has_three_exports_at_a_time(reader: Person) -> None:
    """Each holds a thread of the service, of which a worker gives 4 to exports, and 2 to one user."""
    with slow_clients(reader, reads=["/books/export"] * 10) as clients:
        statuses = Counter(map(finish, clients))

    assert statuses in ({200: 3, 429: 7}, {200: 2, 503: 1, 429: 7})  # the third may come to the same worker
