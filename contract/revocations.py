"""Follows auth's feed with PyJWT and requests alone, for services in other repositories.

Copy it. What auth ended is kept in memory, so a process that starts reads the whole feed once.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import requests

WAIT = 10  # seconds that auth may keep an answer until there is an event
ACCESS_LIFETIME = timedelta(minutes=45)
CLOCK_SKEW = timedelta(minutes=5)  # that an ended session is kept longer than needed


def service_token(service: str, kid: str, secret: bytes) -> str:
    """Return what a service of `SERVICE_NAMES` shows to auth, good for a minute; `secret` is of any key."""
    now = int(time.time())
    name = f"bookstore-{service}"
    claims = {"iss": name, "sub": name, "aud": "bookstore-auth", "iat": now, "exp": now + 60}
    return jwt.encode(claims, secret, algorithm="HS256", headers={"typ": "svc+jwt", "kid": kid})


class Revocations:
    """The sessions and users that are gone; `erase` deletes a user's data, and may be called twice."""

    def __init__(
        self,
        url: str,  # of auth
        token: Callable[[], str],
        erase: Callable[[str], None],
        session: requests.Session | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._erase = erase
        self._session = session or requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc comes between two services
        self._cursor = 0
        self._epoch: str | None = None  # of the feed
        self._gone: dict[str, datetime] = {}  # until when its tokens might still be good

    def refuses(self, claims: Mapping[str, Any]) -> bool:
        """Return whether a token that `verify` takes belongs to a session or a user that is gone."""
        return claims["sid"] in self._gone or claims["public_id"] in self._gone

    def poll(self, wait: int = WAIT) -> bool:
        """Apply the next events, as soon as there are any; return whether there may be more at once.

        Call it again and again, in one thread; one that starts reads all there is before it believes a token.
        It raises `requests.RequestException` while auth is away; then wait for a second.
        """
        response = self._session.get(
            f"{self._url}/events",
            params={"after": self._cursor, "wait": wait},
            headers={"Authorization": f"Bearer {self._token()}"},
            timeout=wait + 5,
            allow_redirects=False,
        )
        if response.status_code == 410 or int(response.headers.get("Feed-End", self._cursor)) < self._cursor:
            self._cursor = 0  # the next events were purged, or auth was restored from a backup
            return True
        response.raise_for_status()
        page = response.json()
        before = self._epoch
        self._epoch = page.get("epoch") or before  # an auth that is older tells none
        if before not in (None, self._epoch):
            self._cursor = 0  # auth was restored: these are the events behind another one
            return True
        for event in page["events"]:
            self._apply(event)
        self._cursor = page["last"]
        now = datetime.now(UTC)
        self._gone = {name: until for name, until in self._gone.items() if until > now}
        return bool(page["events"])

    def _apply(self, event: Mapping[str, Any]) -> None:
        """Apply an event; those of types that are not known yet are skipped."""
        if event["type"] == "session.ended":
            self._gone[event["sid"]] = datetime.fromisoformat(event["until"]) + CLOCK_SKEW
        if event["type"] == "user.deleted":
            self._erase(event["public_id"])
            at = datetime.fromisoformat(event["at"])
            self._gone[event["public_id"]] = at + ACCESS_LIFETIME + CLOCK_SKEW
