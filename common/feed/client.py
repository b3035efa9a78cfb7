"""The client of auth's feed."""

import time
from dataclasses import dataclass

import requests
from pydantic import TypeAdapter, ValidationError

from common.feed.events import SESSION_ENDED, USER_DELETED, FeedEvent
from common.tokens.access import issue_service_token
from common.tokens.keys import Keys

WAIT = 10  # seconds that auth may keep an answer until there is an event
MAX_DIGITS = 20  # of an id
LIMIT = 100  # events in a response, and in a transaction
CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = WAIT + 5.0  # seconds of silence


class AuthUnavailable(Exception):
    """Auth did not answer, or not as it should."""


class NotInFeed(Exception):
    """Auth has purged the next events, or its feed ends before the cursor: it was restored from a backup."""


@dataclass(slots=True)
class FeedPage:
    events: list[FeedEvent]
    last: int
    epoch: str | None = None  # of an auth from before there were epochs


_page = TypeAdapter(FeedPage)


class FeedClient:
    """Auth's feed as `service` reads it, over one connection, or in whatever way `session` sends requests."""

    def __init__(
        self, url: str, keys: Keys, *, service: str, session: requests.Session | None = None
    ) -> None:
        self._service = service
        self._url = f"{url}/events"
        self._keys = keys
        self._session = session or requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc comes between two services

    def fetch(self, *, after: int, wait: int) -> FeedPage:
        """Return the events behind `after`, as soon as there are any.

        Raises `AuthUnavailable` and `NotInFeed`.
        """
        token = issue_service_token(self._keys.current.signing, service=self._service, now=time.time())
        try:
            response = self._session.get(
                self._url,
                params={"after": after, "wait": wait, "limit": LIMIT},
                headers={"Authorization": f"Bearer {token}"},
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise AuthUnavailable(type(error).__name__) from error
        end = response.headers.get("Feed-End", "")
        if end.isascii() and end.isdecimal() and int(end[:MAX_DIGITS]) < after:
            raise NotInFeed("the feed ends before the cursor")
        if response.status_code == 410:
            raise NotInFeed("the next events were purged")
        if response.status_code != 200:
            raise AuthUnavailable(f"status {response.status_code}")
        return parse_page(response.content, after=after)


def parse_page(body: bytes, *, after: int) -> FeedPage:
    """Return a page of events behind `after`, or raise `AuthUnavailable` if it is none."""
    try:
        page = _page.validate_json(body, strict=True)
    except ValidationError as error:
        raise AuthUnavailable("not a page of the feed") from error
    ids = [after, *(event.id for event in page.events)]
    if ids != sorted(set(ids)) or ids[-1] != page.last or not all(map(is_complete, page.events)):
        raise AuthUnavailable("not a page of the feed")
    return page


def is_complete(event: FeedEvent) -> bool:
    """Return whether an event has the members of its type; one of a new type only moves the cursor."""
    if event.type == SESSION_ENDED:
        return bool(event.sid and event.until)
    return event.type != USER_DELETED or bool(event.public_id)
