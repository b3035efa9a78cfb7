"""Clients that go on writing while things break, and remember what they were promised."""

import http.client
import json
from collections import Counter
from contextlib import closing
from typing import Any

from tests.books.reading import ids
from tests.people import Person, book
from tests.threads import Threads

TIMEOUT = 30  # seconds
THINK = 0.005  # seconds between two requests: other tests run on the same cores
PAUSE = 0.05  # seconds before a writer tries again what failed


class Writers(Threads):
    """Put books on the shelf of `person` and look at them, from several threads, for a `with` block.

    A writer whose connection breaks opens another and goes on with the next book: whether the one
    in flight was stored it cannot know. One that is refused a connection ends, unless it is patient.
    """

    def __init__(self, person: Person, count: int = 8, *, patient: bool = False) -> None:
        super().__init__(self._write, count)
        self.person = person
        self.patient = patient
        self.promised: set[int] = set()  # the ids of books answered with 201
        self.statuses: Counter[int] = Counter()
        self.broken: list[Exception] = []  # each of them an answer that did not come
        self.refused = 0
        self._address = person.pair.url("books").removeprefix("http://")

    def lost(self) -> set[int]:
        """Return the ids of promised books that are not on the shelf."""
        return self.promised - set(ids(self.person, limit=200))

    def _write(self) -> None:
        while not self._stopping.is_set():
            with closing(http.client.HTTPConnection(self._address, timeout=TIMEOUT)) as connection:
                try:
                    connection.connect()
                    self._write_on(connection)
                except ConnectionRefusedError:
                    self.refused += 1
                    if not self.patient:
                        return
                    self._stopping.wait(PAUSE)
                except (OSError, http.client.HTTPException) as error:
                    self.broken.append(error)
                    self._stopping.wait(PAUSE)

    def _write_on(self, connection: http.client.HTTPConnection) -> None:
        """Write and read until an answer says that it was the last on this connection."""
        connection.auto_open = 0  # or a connection that was cut would be mended unseen
        kept, made = True, None
        while kept and not self._stopping.is_set():
            if made is None:
                response, body = self._ask(connection, "POST", "/books", json.dumps(book()))
                if response.status == 201:
                    made = body["book"]["id"]
                    self.promised.add(made)
            else:
                response, _ = self._ask(connection, "GET", f"/books/{made}")
                made = None
            kept = not response.will_close
            self._stopping.wait(PAUSE if response.status == 503 else THINK)

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None
    ) -> tuple[http.client.HTTPResponse, Any]:
        headers = {"Authorization": f"Bearer {self.person.token}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        self.statuses[response.status] += 1
        return response, answer
