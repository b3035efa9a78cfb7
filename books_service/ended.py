"""Owns what a worker knows of ended sessions and deleted users, so that no request has to ask.

A thread looks at one row four times a second and reads what is new. While the database is away, what was
known stays.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

from flask import Flask
from prometheus_client import Gauge
from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from books_service.models import DeletedUser, EndedSession, Feed, db
from books_service.settings import BooksSettings
from common.connections import SchemaNotCurrent
from common.health import State
from common.statements import Row, Statement
from common.tokens import ACCESS_LIFETIME, Claims

LOOK_EVERY = 0.25  # seconds
PRUNE_EVERY = 60  # seconds
DEGRADED = 30  # seconds without a word from auth
SPARE = timedelta(minutes=10)  # that a deleted user is known longer than its tokens live: clocks differ

_age = Gauge("feed_age_seconds", "Time since auth was last heard of.", multiprocess_mode="livemostrecent")
_lag = Gauge(
    "feed_lag_seconds",
    "Time from the writing of the last event by auth to its effect here.",
    multiprocess_mode="livemostrecent",
)
_applied = Gauge(
    "feed_events_applied", "Events applied so far, by type.", ["type"], multiprocess_mode="livemostrecent"
)

_feed = Statement(
    db,
    select(
        Feed.position, Feed.heard_at, Feed.event_at, Feed.applied_at, Feed.sessions_ended, Feed.users_deleted
    ),
)
_sessions = Statement(
    db,
    select(EndedSession.sid, EndedSession.until).where(
        EndedSession.position > bindparam("after"), EndedSession.until > bindparam("now")
    ),
)
_users = Statement(
    db,
    select(DeletedUser.public_id, DeletedUser.deleted_at).where(
        DeletedUser.position > bindparam("after"), DeletedUser.deleted_at > bindparam("since")
    ),
)


class Ended:
    """The ended sessions and deleted users whose tokens may still be alive, each with the end of the last."""

    def __init__(self, app: Flask, settings: BooksSettings) -> None:
        self._app = app
        self._max_age = settings.feed_max_age
        self._sessions: dict[str, datetime] = {}
        self._users: dict[str, datetime] = {}
        self._position = 0  # of what was read
        self._heard_at = datetime.now(UTC)  # counts from here as long as auth was never heard of
        self._pruned = time.monotonic()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None
        self._known = False

    def start(self) -> None:
        """Read all there is, and look for more from now on; in each worker, never before the fork."""
        with self._looking:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._look_on, name="ended", daemon=True)
            self._try_to_look()
            self._thread.start()

    def refusal(self, claims: Claims) -> str | None:
        """Return why the token is refused, or None; answers 503 as long as nothing could be read at all."""
        if not self._known:
            self.start()
            if not self._known:
                self.look()
        if claims.session_id in self._sessions:
            return "session"
        if claims.public_id in self._users:
            return "user"
        return None

    def age(self) -> float:
        """Return the seconds since auth was last heard of."""
        return (datetime.now(UTC) - self._heard_at).total_seconds()

    def state(self) -> State:
        """Return how the feed is, for /readyz."""
        age = self.age()
        if self._max_age and age > self._max_age:
            return "failing"
        return "degraded" if age > DEGRADED else "ok"

    def look(self) -> None:
        """Read what is new, or raise what the database raises."""
        rows = _feed.rows()
        position, heard_at, event_at, applied_at, sessions_ended, users_deleted = rows[0]
        if position != self._position:
            self._read(after=self._position if position > self._position else 0)
            self._position = position
        self._heard_at = heard_at or self._heard_at
        self._known = True
        if applied_at:
            _lag.set((applied_at - event_at).total_seconds())
        _applied.labels("session.ended").set(sessions_ended)
        _applied.labels("user.deleted").set(users_deleted)

    def _read(self, *, after: int) -> None:
        now = datetime.now(UTC)
        lifetime = ACCESS_LIFETIME + SPARE
        sessions: list[Row] = _sessions.rows(after=after, now=now)
        users: list[Row] = _users.rows(after=after, since=now - lifetime)
        self._sessions.update((sid, until) for sid, until in sessions)
        self._users.update((public_id, deleted_at + lifetime) for public_id, deleted_at in users)

    def _look_on(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            self._try_to_look()
            _age.set(self.age())
            if time.monotonic() - self._pruned > PRUNE_EVERY:
                self._prune()

    def _try_to_look(self) -> None:
        try:
            with self._app.app_context():
                self.look()
        except (SQLAlchemyError, SchemaNotCurrent):
            return  # the age tells, and so does every request that needs the database

    def _prune(self) -> None:
        """Forget those whose tokens are all dead; the other threads see the old or the new ones."""
        self._pruned, now = time.monotonic(), datetime.now(UTC)
        self._sessions = {sid: until for sid, until in self._sessions.items() if until + SPARE > now}
        self._users = {public_id: until for public_id, until in self._users.items() if until > now}


def init_app(app: Flask, settings: BooksSettings) -> Ended:
    """Let each worker of `app` know what ended."""
    ended = Ended(app, settings)
    app.extensions["ended"] = ended
    if not settings.is_command:
        app.extensions.setdefault("after_fork", []).append(ended.start)
    return ended
