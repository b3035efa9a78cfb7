"""Requests that are repeated until they are answered, with the tokens of a session."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from bookstore_client import errors
from bookstore_client.tokens import Tokens, TokenStore

TIMEOUT = (5, 60)  # seconds to connect, and between two pieces of an answer
IMPORT_TIMEOUT = (5, 300)  # which is answered when all of it is stored
EARLY = 60  # seconds before its end an access token is replaced
LONGEST_WAIT = 30  # seconds that a service may ask for; what asks for more is refused at once
TEMPORARY = {429, 502, 503, 504}
LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

_backoff = wait_exponential_jitter(multiplier=0.25, max=10, jitter=0.5)


def is_temporary(error: BaseException) -> bool:
    """Return whether the same request may succeed a little later; a password is not tried again."""
    if isinstance(error, errors.Unreachable | errors.BodyLost | errors.RequestInProgress):
        return True
    if not isinstance(error, errors.Problem) or isinstance(error, errors.TooManyAttempts):
        return False
    return error.status in TEMPORARY and error.retry_after <= LONGEST_WAIT


def wait(state: RetryCallState) -> float:
    """Return for how many seconds to wait: as the service says, or longer after several attempts."""
    error = state.outcome and state.outcome.exception()
    asked = error.retry_after if isinstance(error, errors.Problem) else 0
    return max(asked, _backoff(state))


class Transport:
    """Sends requests with the access token, which it replaces in time; for any number of threads.

    What is not answered is sent again: what makes something carries an `Idempotency-Key`, and what changes
    something an `If-Match`.
    """

    def __init__(
        self, auth_url: str, store: TokenStore, *, attempts: int, connect: Callable[[], requests.Session]
    ) -> None:
        self.auth_url = auth_url
        self.store = store
        self.attempts = attempts
        self.connect = connect
        self._local = threading.local()

    def send(self, method: str, url: str, *, is_repeat: bool = False, **options: Any) -> requests.Response:
        """Send a request until it is answered; return a good answer, or raise `Problem` or `Unreachable`."""
        attempts = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait,
            retry=retry_if_exception(is_temporary),
            reraise=True,
        )
        for attempt in attempts:
            with attempt:
                is_repeat = is_repeat or attempt.retry_state.attempt_number > 1
                return self._send_once(method, url, is_repeat, **options)
        raise AssertionError("the last attempt returns or raises")

    def _send_once(self, method: str, url: str, is_repeat: bool, **options: Any) -> requests.Response:
        if hasattr(options.get("data"), "seek"):
            options["data"].seek(0)
        session = self._session()
        try:
            response = session.request(method, url, allow_redirects=False, **{"timeout": TIMEOUT} | options)
        except LOST as error:
            raise errors.Unreachable(f"no answer from {url}: {type(error).__name__}") from error
        except requests.RequestException as error:  # such as a URL without http://
            raise errors.BookstoreError(str(error)) from error
        if is_cut(response):
            raise errors.Unreachable(f"the answer from {url} was cut off")
        if response.status_code >= 300:  # the services redirect nobody
            raise errors.problem_of(response, is_repeat=is_repeat)
        return response

    def send_with_token(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> requests.Response:
        """Send a request with the access token; one that is refused is replaced, once."""
        tokens = self.tokens()
        try:
            return self.send(method, url, headers=_bearer(tokens, headers), **options)
        except errors.TokenRejected as error:
            is_repeat = error.is_repeat
        headers = _bearer(self._refresh(tokens), headers)
        return self.send(method, url, is_repeat=is_repeat, headers=headers, **options)

    def tokens(self) -> Tokens:
        """Return tokens that are good for a while, or raise `NotLoggedIn`."""
        tokens = self._stored()
        return tokens if time.time() < tokens.expires_at - EARLY else self._refresh(tokens)

    def log_in(self, url: str, name: str, password: str) -> None:
        """Keep the tokens that a name and a password yield."""
        response = self.send("POST", url, json={"name": name, "password": password})
        with self.store.lock():
            self._keep(payload_of(response))

    def log_out(self) -> None:
        """End the session here and in the services, if there is one."""
        with self.store.lock():
            if tokens := self.store.load():
                body = {"refresh_token": tokens.refresh_token}
                self.send("POST", f"{self.auth_url}/logout", json=body)
                self.store.save(None)

    def _refresh(self, old: Tokens) -> Tokens:
        """Return the tokens behind `old`: another thread or program may have fetched them already."""
        with self.store.lock():
            tokens = self._stored()
            if tokens != old:
                return tokens
            body = {"refresh_token": tokens.refresh_token}
            try:
                response = self.send("POST", f"{self.auth_url}/refresh", json=body)
            except errors.TokenRejected as error:
                self.store.save(None)
                raise errors.NotLoggedIn("the session has ended") from error
            return self._keep(payload_of(response))

    def _stored(self) -> Tokens:
        tokens = self.store.load()
        if tokens is None:
            raise errors.NotLoggedIn("nobody is logged in")
        return tokens

    def _keep(self, payload: Mapping[str, Any]) -> Tokens:
        ends = time.time() + payload["expires_in"]
        tokens = Tokens(payload["token"], payload["refresh_token"], ends)
        self.store.save(tokens)
        return tokens

    def _session(self) -> requests.Session:
        """Return the connections of this thread; a fork has others than its parent."""
        if getattr(self._local, "process", None) != os.getpid():
            self._local.process = os.getpid()
            self._local.session = session = self.connect()
            session.auth = lambda request: request  # or a password of ~/.netrc takes the token's place
            session.headers["User-Agent"] = "bookstore-client"
        found: requests.Session = self._local.session
        return found


def is_cut(response: requests.Response) -> bool:
    """Return whether the connection ended in the head of the answer, which Python takes for its end."""
    length, coding = (response.headers.get(name, "") for name in ("Content-Length", "Transfer-Encoding"))
    is_empty = response.status_code == requests.codes.no_content
    return not (is_empty or length.isdecimal() or coding.lower() == "chunked")


def payload_of(response: requests.Response) -> Any:
    """Return the JSON of an answer."""
    try:
        return response.json()
    except requests.JSONDecodeError as error:
        raise errors.BookstoreError(f"{response.url} does not answer as a bookstore") from error


def _bearer(tokens: Tokens, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.access_token}", **(headers or {})}
