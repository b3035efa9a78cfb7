"""Clients that repeat each request, with the key it has, until it is answered."""

import uuid
from contextlib import suppress
from typing import Any

import requests

from tests import api
from tests.people import Person, book
from tests.threads import Threads

WRITERS = 8
EACH = 120  # requests of a writer: a thousand keys are kept of one user
PAUSE = 0.05  # seconds between two of them
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)  # before, and within an answer


class Repeaters(Threads):
    """Send each request with a key of its own, again and again until it is answered, for a `with` block."""

    def __init__(self, person: Person) -> None:
        super().__init__(self._write, WRITERS)
        self.person = person
        self.answers: list[tuple[str, dict[str, Any], requests.Response]] = []

    def send(self, key: str, sent: dict[str, Any]) -> requests.Response:
        """Send a request once, over a connection of its own."""
        headers = self.person.with_token(Idempotency_Key=key, Connection="close")
        return api.post(self.person.pair.url("books") + "/books", json=sent, headers=headers)

    def _write(self) -> None:
        for _ in range(EACH):
            if self._stopping.wait(PAUSE):
                return
            key, sent = str(uuid.uuid4()), book()
            self.answers.append((key, sent, self._answer(key, sent)))

    def _answer(self, key: str, sent: dict[str, Any]) -> requests.Response:
        while True:
            with suppress(*BROKEN):
                answer = self.send(key, sent)
                if answer.status_code not in (409, 503):  # which tell to come again
                    return answer
