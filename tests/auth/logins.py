"""What a client does with its tokens: logs in, refreshes, logs out, and looks whether a token still lives."""

import re
from dataclasses import dataclass
from typing import Any

import jwt
import requests

from tests import api
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem

TOKENS = {"token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
REFRESH_TOKEN = re.compile(r"[0-9a-f-]{36}\.[A-Za-z0-9_-]{43}")
DAY = 24 * 60 * 60  # seconds
CHALLENGE = 'Basic realm="bookstore", charset="UTF-8"'
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

    @property
    def claims(self) -> dict[str, Any]:
        """Return what the access token says."""
        claims: dict[str, Any] = jwt.decode(self.token, options={"verify_signature": False})
        return claims

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return api.request(method, self.pair.url("auth") + path, headers=headers, **options)

    def successor(self, refresh_token: str | None = None) -> str:
        """Use a refresh token of this session, the newest unless another is given, and return what came."""
        answer = refresh(self.pair, refresh_token or self.refresh_token)
        assert answer.status_code == 200, answer.text
        self.token, self.refresh_token = answer.json()["token"], answer.json()["refresh_token"]
        return self.refresh_token


def login_of(person: Person) -> Login:
    """Return the session that began with the registration."""
    return Login(person.pair, person.token, person.refresh_token)


def granted(pair: Pair, answer: requests.Response) -> Login:
    """Fail unless the answer holds the tokens of a session, for nobody to store; return the session."""
    assert answer.status_code in (200, 201), answer.text
    body = answer.json()
    assert body.keys() >= TOKENS
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 2700)
    assert 7 * DAY - 60 < body["refresh_expires_in"] <= 7 * DAY
    assert answer.headers["Cache-Control"] == "no-store"
    login = Login(pair, body["token"], body["refresh_token"])
    assert REFRESH_TOKEN.fullmatch(login.refresh_token)
    assert login.claims["sid"] == login.session_id
    return login


def try_password(pair: Pair, name: str, password: str = PASSWORD, **headers: str) -> requests.Response:
    """Try to log in, with Basic credentials."""
    return api.post(pair.url("auth") + "/login", auth=(name.encode(), password.encode()), headers=headers)


def log_in(person: Person, password: str = PASSWORD, **headers: str) -> Login:
    """Start a session of somebody."""
    return granted(person.pair, try_password(person.pair, person.name, password, **headers))


def refresh(pair: Pair, token: Any, **headers: str) -> requests.Response:
    url, body = pair.url("auth") + "/refresh", {"refresh_token": token}
    return api.post(url, json=body, headers=headers)


def log_out(pair: Pair, token: Any) -> requests.Response:
    return api.post(pair.url("auth") + "/logout", json={"refresh_token": token})


def assert_refused(answer: requests.Response, code: str = "token-invalid") -> None:
    """Fail unless the answer refuses a token with this code, which the challenge tells of our own tokens."""
    described = "" if code == "token-invalid" else f', error_description="{code}"'
    assert assert_problem(answer, 401, "token is invalid")["code"] == code
    assert answer.headers["WWW-Authenticate"] == INVALID + described
