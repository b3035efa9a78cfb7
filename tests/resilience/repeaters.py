"""Clients that repeat each request, a new book with the key it has, until it is answered."""

import time
import uuid
from contextlib import suppress
from typing import Any

import requests

from tests import api
from tests.people import Person, book
from tests.threads import Threads
from tests.waiting import wait_until

WRITERS = 4
EACH = 200  # requests of a writer: a thousand keys are kept of one user
PAUSE = 0.05  # seconds between two of them, and before one is repeated
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)  # before, and within an answer


class Repeaters(Threads):
    """Add books, each with a key of its own, again and again until it is answered, for a `with` block."""

    def __init__(self, person: Person) -> None:
        super().__init__(self._write, WRITERS)
        self.person = person
        self.answers: list[tuple[str, dict[str, Any], requests.Response]] = []

    def send(self, key: str, sent: dict[str, Any]) -> requests.Response:
        """Add a book, over a connection of its own; return the first answer that is none to repeat."""
        headers = self.person.with_token(Idempotency_Key=key, Connection="close")
        while True:
            with suppress(*BROKEN):
                answer = api.post(self.person.pair.url("books") + "/book", json=sent, headers=headers)
                if answer.status_code not in (409, 503):  # which tell to come again
                    return answer
            time.sleep(PAUSE)

    def wait_for_more(self) -> None:
        """Wait until some more requests are answered."""
        enough = len(self.answers) + 10
        wait_until(lambda: len(self.answers) >= enough, "nothing more is answered")

    def _write(self) -> None:
        for _ in range(EACH):
            if self._stopping.wait(PAUSE):
                return
            key, sent = str(uuid.uuid4()), book()
            self.answers.append((key, sent, self.send(key, sent)))
