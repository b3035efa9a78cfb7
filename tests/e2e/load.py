"""Who asks while things break; newcomers remember what they were promised."""

from collections import Counter
from collections.abc import Callable

import requests

from tests import api
from tests.e2e.stack import Stack
from tests.people import PASSWORD, new_name
from tests.threads import Threads

TIMEOUT = 30  # seconds


class Askers(Threads):
    """Ask something over and over, from several threads, for a `with` block."""

    def __init__(self, ask: Callable[[], object], count: int = 1, pause: float = 0.05) -> None:
        super().__init__(self._go_on, count)
        self._ask, self._pause = ask, pause

    def _go_on(self) -> None:
        while not self._stopping.wait(self._pause):
            self._ask()


class Newcomers(Askers):
    """Register at the auth service of `stack`, but leave time for more than hashing passwords."""

    def __init__(self, stack: Stack, count: int = 2) -> None:
        super().__init__(self._register, count, pause=0.2)
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
        body = {"name": new_name(), "password": PASSWORD}
        try:
            answer = api.post(self._url + "/register", json=body, timeout=TIMEOUT)
        except requests.RequestException:
            self.broken += 1
            return
        self.statuses[answer.status_code] += 1
        if answer.status_code == 201:
            self.promised[body["name"]] = answer.json()["token"]
