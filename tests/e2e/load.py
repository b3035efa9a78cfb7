"""Newcomers, who register as fast as they can while things break, and remember what they were promised."""

from collections import Counter

import requests

from tests import api
from tests.e2e.stack import Stack
from tests.people import PASSWORD, new_name
from tests.threads import Threads

TIMEOUT = 30  # seconds
PAUSE = 0.2  # seconds between two of them: hashing their passwords is not all that there is to do


class Newcomers(Threads):
    """Register at the auth service of `stack`, from several threads, for a `with` block."""

    def __init__(self, stack: Stack, count: int = 2) -> None:
        super().__init__(self._register, count)
        self.promised: dict[str, str] = {}  # the tokens of names answered with 201
        self.statuses: Counter[int] = Counter()
        self.broken = 0  # answers that did not come
        self._url = stack.url("auth")

    def lost(self) -> list[str]:
        """Return the promised names whose tokens do not name them."""
        with api.new_session() as session:
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
                answer = api.post(self._url + "/register", json=body, timeout=TIMEOUT)
            except requests.RequestException:
                self.broken += 1
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 201:
                self.promised[name] = answer.json()["token"]
