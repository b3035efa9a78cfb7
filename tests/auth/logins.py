"""What a client does with its tokens: logs in, refreshes, logs out, and looks whether a token still lives."""

from dataclasses import dataclass
from typing import Any

import requests

from tests import api
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem

TOKENS = {"token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
INVALID = 'Bearer realm="bookstore", error="invalid_token"'


@dataclass
class Login:
    """One session of somebody, as its client sees it."""

    pair: Pair
    token: str
    refresh_token: str

    @property
    def session_id(self) -> str:
        return self.refresh_token.partition(".")[0]

    @property
    def is_live(self) -> bool:
        """Tell whether the access token is taken."""
        return self.request("GET", "/me").status_code == 200

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return api.request(method, self.pair.url("auth") + path, headers=headers, timeout=30, **options)

    def successor(self, refresh_token: str | None = None) -> str:
        """Use a refresh token of this session, the newest unless another is given, and return what came."""
        answer = refresh(self.pair, refresh_token or self.refresh_token)
        assert answer.status_code == 200, answer.text
        self.token, self.refresh_token = answer.json()["token"], answer.json()["refresh_token"]
        return self.refresh_token


def log_in(person: Person, password: str = PASSWORD, **headers: str) -> Login:
    """Start a session of somebody."""
    url, auth = person.pair.url("auth") + "/login", (person.name, password)
    answer = api.post(url, auth=auth, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return Login(person.pair, answer.json()["token"], answer.json()["refresh_token"])


def refresh(pair: Pair, token: Any, **headers: str) -> requests.Response:
    url, body = pair.url("auth") + "/refresh", {"refresh_token": token}
    return api.post(url, json=body, headers=headers, timeout=30)


def log_out(pair: Pair, token: Any) -> requests.Response:
    return api.post(pair.url("auth") + "/logout", json={"refresh_token": token}, timeout=30)


def assert_refused(answer: requests.Response) -> None:
    assert_problem(answer, 401, "token is invalid")
    assert answer.headers["WWW-Authenticate"] == INVALID
