"""Owns the process that follows auth's feed: it asks, applies, and asks again.

All it does in the database it does on one connection, the one that holds the lock by which one follower is at
work at a time: whoever loses the lock loses the connection, and with it the transaction.
"""

import random
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NoReturn

import msgspec
import requests
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from books_service.feed import events as feed
from books_service.feed.events import SESSION_ENDED, USER_DELETED, CursorMoved, Heard
from books_service.feed.leader_lock import Lock, make_lock
from books_service.models import db
from books_service.settings import BooksSettings
from books_service.shelf import idempotency
from common.db.connections import SchemaNotCurrent
from common.tokens.keys import Keys, load_keys
from common.tokens.service import issue_service_token

WAIT = 10  # seconds that auth may keep an answer until there is an event
MAX_DIGITS = 20  # of an id
LIMIT = 100  # events in an answer, and in a transaction
CONNECT_WAIT = 3.0  # seconds
ANSWER_WAIT = WAIT + 5.0  # seconds of silence
QUICK = 0.2  # seconds: an empty answer in less was no wait, and the next request has to be one
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # seconds between two tries while auth is away
STANDBY_PAUSE = 0.5  # seconds between two looks whether another follower is still at work
HEARD_EVERY = 2.0  # seconds between two notes that auth is there
FORGET_EVERY = 60.0  # seconds between two looks for what can be forgotten

RESET = "auth's feed does not go on from here; run `flask --app books_service feed reset` to begin again"

log = structlog.get_logger()


class Away(Exception):
    """Auth did not answer, or not as it should."""


class NotInFeed(Away):
    """Auth has purged what comes next, or its feed ends before the cursor."""


class Answer(msgspec.Struct):
    """A page of the feed."""

    events: list[Heard]
    last: int


class Auth:
    """Auth's feed, over one connection that stays open."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._url = f"{url}/events"
        self._keys = keys
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc comes between two services

    def ask(self, *, after: int, wait: int) -> Sequence[Heard]:
        """Return the events behind `after`, as soon as there are any; raise `Away` or `NotInFeed`."""
        token = issue_service_token(self._keys.current().signing, now=time.time())
        try:
            response = self._session.get(
                self._url,
                params={"after": after, "wait": wait, "limit": LIMIT},
                headers={"Authorization": f"Bearer {token}"},
                timeout=(CONNECT_WAIT, ANSWER_WAIT),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise Away(type(error).__name__) from error
        if response.status_code == 410 or is_put_back(response.headers.get("Feed-End", ""), after=after):
            raise NotInFeed(RESET)
        if response.status_code != 200:
            raise Away(f"status {response.status_code}")
        return read(response.content, after=after)


def is_put_back(end: str, *, after: int) -> bool:
    """Tell whether a feed that ends there, so far as it said, has not come as far as it was followed."""
    return end.isascii() and end.isdecimal() and int(end[:MAX_DIGITS]) < after


def read(body: bytes, *, after: int) -> Sequence[Heard]:
    """Return the events of an answer to `after`, or raise `Away` if it is none."""
    try:
        answer = msgspec.json.decode(body, type=Answer)
    except msgspec.DecodeError as error:
        raise Away("not an answer of the feed") from error
    ids = [after, *(event.id for event in answer.events)]
    is_right = all(before < behind for before, behind in pairwise(ids))
    if not is_right or ids[-1] != answer.last or not all(map(is_whole, answer.events)):
        raise Away("not an answer of the feed")
    return answer.events


def is_whole(event: Heard) -> bool:
    """Tell whether an event has the members of its type; one of a type yet to come only moves the cursor."""
    if event.type == SESSION_ENDED:
        return bool(event.sid and event.until)
    return event.type != USER_DELETED or bool(event.public_id)


class Follower:
    """Asks auth and applies what it tells, for as long as the connection holds."""

    def __init__(self, settings: BooksSettings, auth: Auth) -> None:
        self._auth = auth
        self._heartbeat = settings.follower_heartbeat
        self._pause = FIRST_PAUSE
        self._heard = self._forgot = 0.0

    def follow(self, connection: Connection, lock: Lock) -> None:
        """Go on until the database fails."""
        self.beat()
        while not lock.take(connection):
            time.sleep(STANDBY_PAUSE)
            self.beat()
        log.info("feed_followed", cursor=feed.read_cursor(connection))
        while True:
            self.beat()
            self.clean(connection)
            self.hear(connection)

    def hear(self, connection: Connection) -> None:
        """Ask once, and apply the answer; where there is none, wait longer each time."""
        cursor, begun = feed.read_cursor(connection), time.monotonic()
        try:
            events = self._auth.ask(after=cursor, wait=WAIT if self._heard else 0)  # at first: is it there?
        except Away as error:
            name = "feed_has_to_be_reset" if isinstance(error, NotInFeed) else "feed_away"
            log.error(name, cursor=cursor, reason=str(error))
            self.pause(LONGEST_PAUSE if isinstance(error, NotInFeed) else None)
            return
        self._pause = FIRST_PAUSE
        if events:
            self.apply(connection, events, cursor)
        else:
            self.note_heard(connection)
            time.sleep(max(0.0, QUICK - (time.monotonic() - begun)))

    def apply(self, connection: Connection, events: Sequence[Heard], cursor: int) -> None:
        """Apply events, unless the cursor was reset meanwhile."""
        try:
            feed.apply(connection, events, cursor=cursor, now=datetime.now(UTC))
        except CursorMoved:
            log.warning("feed_cursor_moved", cursor=cursor)
            return
        self._heard = time.monotonic()
        log.info("feed_applied", cursor=events[-1].id, events=len(events))

    def note_heard(self, connection: Connection) -> None:
        """Note that auth is there, if that was not just noted."""
        if time.monotonic() - self._heard > HEARD_EVERY:
            feed.note_heard(connection, now=datetime.now(UTC))
            self._heard = time.monotonic()

    def clean(self, connection: Connection) -> None:
        """Look once more for books of deleted users, and forget dead sessions and old keys of requests."""
        now = datetime.now(UTC)
        if count := feed.sweep(connection, now=now):
            log.info("feed_swept", users=count)
        if not self._forgot or time.monotonic() - self._forgot > FORGET_EVERY:
            feed.forget(connection, now=now)
            idempotency.forget(connection, now=now)
            self._forgot = time.monotonic()

    def pause(self, seconds: float | None = None) -> None:
        """Wait about `seconds`, or about twice as long as the last time."""
        time.sleep((seconds or self._pause) * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, hides nothing
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def beat(self) -> None:
        """Show that the process goes on, whatever auth and the database do."""
        if self._heartbeat:
            self._heartbeat.touch()


def run(settings: BooksSettings) -> NoReturn:
    """Follow until TERM, on one connection for as long as it holds."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # at any moment: a transaction is whole or was none
    keys = load_keys(settings)
    keys.watch()
    follower = Follower(settings, Auth(settings.auth_url, keys))
    while True:
        try:
            with db.read() as connection, make_lock(db.engine.url) as lock:
                follower.follow(connection, lock)
        except (SQLAlchemyError, SchemaNotCurrent) as error:
            reason = str(getattr(error, "orig", error))
            log.error("feed_database_away", error=type(error).__name__, reason=reason)
            follower.beat()
            follower.pause()
