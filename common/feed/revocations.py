"""Revocation: what a worker knows of ended sessions and deleted users, so that no request has to query.

A thread looks at one row four times a second and reads what is new. Whatever fails, it goes on, and what was
known stays.
"""

import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from flask import Flask
from prometheus_client import Gauge
from sqlalchemy import Connection, bindparam, select

from common.db.engine import Database
from common.feed.models import DeletedUser, EndedSession, FeedState
from common.feed.settings import FollowerSettings
from common.health import State
from common.tokens.access import ACCESS_LIFETIME, Claims

REFRESH_EVERY = 0.25  # seconds
RETRY_AFTER = 1.0  # seconds after a refresh that failed
FIRST_REFRESH = 0.2  # seconds that /readyz waits for it, which has two seconds in all
DEGRADED = 30  # seconds without a response from auth
CLOCK_SKEW = timedelta(minutes=10)  # that a revocation is known longer than the tokens live: clocks differ

_gauge = partial(Gauge, multiprocess_mode="livemostrecent")
_age = _gauge("feed_age_seconds", "Time since auth last answered.")
_lag = _gauge("feed_lag_seconds", "Time from the writing of the last event by auth to its effect here.")
_applied = _gauge("feed_events_applied", "Events applied so far, by type.", ["type"])

log = structlog.get_logger()

SELECT_FEED = select(FeedState.__table__)
SELECT_SESSIONS = select(EndedSession.sid, EndedSession.until).where(
    EndedSession.position > bindparam("after"), EndedSession.until > bindparam("since")
)
SELECT_USERS = select(DeletedUser.public_id, DeletedUser.deleted_at).where(
    DeletedUser.position > bindparam("after"), DeletedUser.deleted_at > bindparam("since")
)


class RevocationCache:
    """The ended sessions and deleted users whose tokens may still be alive, each with the end of the last."""

    def __init__(self, app: Flask, db: Database, settings: FollowerSettings) -> None:
        self._app = app
        self._db = db
        self._max_age = settings.feed_max_age
        self._sessions: dict[str, datetime] = {}
        self._users: dict[str, datetime] = {}
        self._position = 0  # of what was read
        self._refreshed_at = datetime.min.replace(tzinfo=UTC)
        self._heard_at = datetime.now(UTC)  # counts from here until auth answers for the first time
        self._started = threading.Lock()  # taken by the first start
        self._reading = threading.Lock()
        self._has_tried = threading.Event()
        self._is_loaded = False
        self._failure = ""  # of the last refresh

    def start(self) -> None:
        """Refresh from now on; in each process that serves, never before the fork."""
        if self._started.acquire(blocking=False):
            threading.Thread(target=self._refresh_forever, name="revocations", daemon=True).start()

    def refusal(self, claims: Claims) -> str | None:
        """Return why the token is refused, or None; answers 503 as long as nothing could be read at all."""
        if not self._is_loaded:
            self.start()
            self.refresh()
        if claims.session_id in self._sessions:
            return "session"
        return "user" if claims.public_id in self._users else None

    def age(self) -> float:
        """Return the seconds since auth last answered."""
        self.start()
        self._has_tried.wait(FIRST_REFRESH)
        return round(self._since_heard(), 1)

    def _since_heard(self) -> float:
        return (datetime.now(UTC) - self._heard_at).total_seconds()

    def state(self) -> State:
        age = self.age()
        if self._max_age and age > self._max_age:
            return "failing"
        return "degraded" if age > DEGRADED else "ok"

    def refresh(self) -> None:
        """Read what is new, or raise what the database raises."""
        with self._db.read() as connection:
            feed = connection.execute(SELECT_FEED).one()
            with self._reading:
                self._reset_after_clock_change(datetime.now(UTC))
                if feed.position != self._position:
                    self._read(connection, after=self._position if feed.position > self._position else 0)
                    self._position = feed.position
        self._heard_at = feed.heard_at or self._heard_at
        self._is_loaded = True
        if feed.applied_at:
            _lag.set((feed.applied_at - feed.event_at).total_seconds())
        _applied.labels("session.ended").set(feed.sessions_ended)
        _applied.labels("user.deleted").set(feed.users_deleted)

    def _reset_after_clock_change(self, now: datetime) -> None:
        """Read all again after a clock that was fast was set: what had expired by it counts once more."""
        if now + CLOCK_SKEW < self._refreshed_at:
            self._position = 0
        self._refreshed_at = now

    def _read(self, connection: Connection, *, after: int) -> None:
        """Add what is new, and drop what has expired; other threads see the old ones or the new."""
        now = datetime.now(UTC)
        lifetime = ACCESS_LIFETIME + CLOCK_SKEW
        sessions = connection.execute(SELECT_SESSIONS, {"after": after, "since": now - CLOCK_SKEW}).all()
        users = connection.execute(SELECT_USERS, {"after": after, "since": now - lifetime}).all()
        self._sessions = _alive(self._sessions, now) | {sid: until + CLOCK_SKEW for sid, until in sessions}
        self._users = _alive(self._users, now) | {user: deleted_at + lifetime for user, deleted_at in users}

    def _refresh_forever(self) -> None:
        """Go on whatever fails: without this thread no revocation would be noticed any more."""
        while True:
            with suppress(Exception):  # not even the failure could be logged
                self._try_to_refresh()
            self._has_tried.set()
            time.sleep(RETRY_AFTER if self._failure else REFRESH_EVERY)

    def _try_to_refresh(self) -> None:
        """Refresh, and log a failure once, not each second: the age shows how long it lasts."""
        before = self._failure
        try:
            _age.set(self._since_heard())
            with self._app.app_context():
                self.refresh()
            self._failure = ""
        except Exception as error:  # noqa: BLE001 - the thread has to go on
            self._failure = type(error).__name__
            if self._failure != before:
                log.error("ended_not_read", error=self._failure, reason=str(getattr(error, "orig", error)))
        if before and not self._failure:
            log.info("ended_read_again")


def _alive(known: dict[str, datetime], now: datetime) -> dict[str, datetime]:
    return {name: until for name, until in known.items() if until > now}


def init_app(app: Flask, db: Database, settings: FollowerSettings) -> RevocationCache:
    """Let each worker of `app` know what was revoked."""
    revocations = RevocationCache(app, db, settings)
    app.extensions["revocations"] = revocations
    if not settings.is_command:
        os.register_at_fork(after_in_child=revocations.start)
    return revocations
