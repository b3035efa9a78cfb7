"""Newcomers, who register as fast as they can while things break, and remember what they were promised."""

import threading
from collections import Counter
from types import TracebackType
from typing import Self

import requests

from tests.e2e.stack import Stack
from tests.people import PASSWORD, new_name

TIMEOUT = 30  # seconds
PAUSE = 0.05  # seconds between two of them: hashing their passwords is not all that there is to do


class Newcomers:
    """Register at the auth service of `stack`, from several threads, for a `with` block."""

    def __init__(self, stack: Stack, count: int = 2) -> None:
        self.promised: dict[str, str] = {}  # the tokens of names answered with 201
        self.statuses: Counter[int] = Counter()
        self.broken = 0  # answers that did not come
        self._url = stack.url("auth")
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._register) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def lost(self) -> list[str]:
        """Return the promised names whose tokens do not name them."""
        with requests.Session() as session:
            return [name for name, token in self.promised.items() if self._name(session, token) != name]

    def _name(self, session: requests.Session, token: str) -> str | None:
        headers = {"Authorization": f"Bearer {token}"}
        answer = session.get(self._url + "/me", headers=headers, timeout=TIMEOUT)
        return answer.json().get("name") if answer.status_code == 200 else None

    def _register(self) -> None:
        while not self._stopping.wait(PAUSE):
            name = new_name()
            body = {"name": name, "password": PASSWORD}
            try:
                answer = requests.post(self._url + "/register", json=body, timeout=TIMEOUT)
            except requests.RequestException:
                self.broken += 1
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 201:
                self.promised[name] = answer.json()["token"]
