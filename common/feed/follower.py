"""The process that follows auth's feed: it polls, applies the events, and polls again.

One connection does its work in the database, another holds the lock of the leader. If that is lost, two may
work for a moment; one of them then finds that the cursor has moved.
"""

import logging
import random
import signal
import sys
import time
from datetime import UTC, datetime
from typing import NoReturn

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from common.db.connections import SchemaNotCurrent
from common.db.engine import Database
from common.feed import events as feed
from common.feed import leader_lock
from common.feed.client import WAIT, AuthUnavailable, FeedClient, FeedPage, NotInFeed
from common.feed.events import CursorMoved, Place, UserData
from common.feed.models import FeedState
from common.feed.settings import FollowerSettings
from common.server.addresses import own_address
from common.tokens.keys import load_keys

SHORTEST_WAIT = 0.2  # seconds: an empty response in less was no long poll
FIRST_BACKOFF, LONGEST_BACKOFF = 0.2, 10.0  # seconds between two attempts while auth is unavailable
LONG_BACKOFF = 5.0  # seconds: while the back-off is shorter, auth may just be starting
STANDBY_PAUSE = 0.5  # seconds between two attempts to become the leader
CONTACT_EVERY = 2.0  # seconds between two records that auth answered
PURGE_EVERY = 60.0  # seconds between two purges of expired rows

SELECT_PLACE = select(FeedState.cursor, FeedState.epoch)

log = structlog.get_logger()


class FollowerMetrics:
    """What one follower counts, apart from the metrics of the service, which does not run here."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.polls = Counter(
            "feed_polls_total", "Polls of auth's feed, by outcome.", ["outcome"], registry=self._registry
        )
        for outcome in ("answered", "auth_unavailable", "begun_again", "database_unavailable"):
            self.polls.labels(outcome)  # from 0, so that the first is an increase
        self.events = Counter("feed_events_total", "Events applied.", registry=self._registry)
        self.leads = Gauge("feed_leader", "1 if this follower leads, 0 if it waits.", registry=self._registry)

    def serve(self, settings: FollowerSettings) -> None:
        """Show the numbers from a thread, or raise `Misconfigured` if the port cannot be had."""
        if port := settings.follower_metrics_port:
            address = own_address(settings.metrics_host, port, "METRICS_HOST", "FOLLOWER_METRICS_PORT")
            start_http_server(port, address, self._registry)


class Follower:
    """Polls auth and applies its events, for as long as the connection holds."""

    def __init__(self, settings: FollowerSettings, auth: FeedClient, db: Database, data: UserData) -> None:
        self._auth = auth
        self._db = db
        self._data = data
        self._heartbeat = settings.follower_heartbeat
        self.backoff = FIRST_BACKOFF
        self._is_away = False  # auth, and the log says so
        self._wait = 0  # the first poll only finds out whether auth is up
        self._contact_at = self._purged_at = float("-inf")  # on the monotonic clock
        self.metrics = FollowerMetrics()

    def follow(self, connection: Connection) -> None:
        """Go on until the database fails."""
        with leader_lock.take(self._db, self._stand_by) as check_lock:
            log.info("feed_followed", cursor=place_of(connection).cursor)
            self.metrics.leads.set(1)
            while True:
                self.touch_heartbeat()
                check_lock()
                self._clean(connection)
                self.poll(connection)

    def _stand_by(self) -> None:
        time.sleep(STANDBY_PAUSE)
        self.touch_heartbeat()

    def poll(self, connection: Connection) -> None:
        """Fetch once, and apply the events; if auth is unavailable, back off."""
        place, started = place_of(connection), time.monotonic()
        try:
            page = self._auth.fetch(after=place.cursor, wait=self._wait)
            self._log_back(place.cursor)
            self.metrics.polls.labels("answered").inc()
            self._apply(connection, page, place)
            if not page.events:
                time.sleep(max(0.0, SHORTEST_WAIT - (time.monotonic() - started)))
        except NotInFeed as error:
            self._begin_again(connection, place, place.epoch, reason=str(error))
        except CursorMoved:
            log.warning("feed_cursor_moved", cursor=place.cursor)
        except AuthUnavailable as error:
            self._log_away(place.cursor, error)
            self.metrics.polls.labels("auth_unavailable").inc()
            self.back_off()

    def _log_away(self, cursor: int, error: AuthUnavailable) -> None:
        """Log that auth is unavailable: louder after a while, quieter at a start, where auth starts, too."""
        is_long, was_there = self.backoff >= LONG_BACKOFF, self._contact_at > float("-inf")
        level = (logging.DEBUG, logging.WARNING, logging.ERROR)[is_long + was_there]
        log.log(level, "feed_away", cursor=cursor, reason=str(error))
        self._is_away = level > logging.DEBUG

    def _log_back(self, cursor: int) -> None:
        if self._is_away:
            log.info("feed_back", cursor=cursor)
        self._is_away = False

    def _apply(self, connection: Connection, page: FeedPage, place: Place) -> None:
        """Apply the events, unless they are of a feed that was restored: then begin again."""
        if page.epoch and not place.epoch:  # the first that auth names
            here = Place(place.cursor, page.epoch)
            feed.move(connection, place, here)
            place = here
        if page.epoch not in (None, place.epoch):
            self._begin_again(connection, place, page.epoch, reason="another epoch")
            return
        self.backoff, self._wait = FIRST_BACKOFF, WAIT
        if page.events:
            feed.apply(connection, self._data, page.events, place=place, now=datetime.now(UTC))
            log.info("feed_applied", cursor=page.last, events=len(page.events))
            self.metrics.events.inc(len(page.events))
        else:
            self._record_contact(connection)

    def _begin_again(self, connection: Connection, place: Place, epoch: str | None, *, reason: str) -> None:
        """Apply all events of `epoch`, after a pause, in case the next answer is of another one again."""
        if feed.move(connection, place, Place(0, epoch)):
            log.warning("feed_begun_again", cursor=place.cursor, epoch=epoch, reason=reason)
            self.metrics.polls.labels("begun_again").inc()
        self._wait = 0
        self.back_off()

    def _record_contact(self, connection: Connection) -> None:
        """Record that auth answered, though without an event; an auth that does not wait answers often."""
        if time.monotonic() - self._contact_at > CONTACT_EVERY:
            connection.execute(update(FeedState).values(heard_at=datetime.now(UTC)))
            self._contact_at = time.monotonic()

    def _clean(self, connection: Connection) -> None:
        """Delete what came after its owner was deleted, and at times what has expired."""
        now = datetime.now(UTC)
        if count := feed.sweep(connection, self._data, now=now):
            log.info("feed_swept", users=count)
        if time.monotonic() - self._purged_at > PURGE_EVERY:
            feed.purge_ended_sessions(connection, now=now)
            self._data.purge(connection, now)
            self._purged_at = time.monotonic()

    def back_off(self) -> None:
        """Wait, about twice as long as the last time."""
        time.sleep(self.backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, hides nothing
        self.backoff = min(2 * self.backoff, LONGEST_BACKOFF)

    def touch_heartbeat(self) -> None:
        """Show that the process goes on, whatever auth and the database do."""
        if self._heartbeat:
            self._heartbeat.touch()


def place_of(connection: Connection) -> Place:
    return Place(*connection.execute(SELECT_PLACE).one())


def run(settings: FollowerSettings, db: Database, data: UserData) -> NoReturn:
    """Follow until TERM, on one connection for as long as it holds."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # at any moment: a transaction is whole or was none
    keys = load_keys(settings)
    keys.watch()
    client = FeedClient(settings.auth_url, keys, service=settings.service)
    follower = Follower(settings, client, db, data)
    follower.metrics.serve(settings)
    while True:
        try:
            with db.read() as connection:
                follower.follow(connection)
        except (SQLAlchemyError, SchemaNotCurrent) as error:
            reason = str(getattr(error, "orig", error))
            log.error("feed_database_away", error=type(error).__name__, reason=reason)
            follower.metrics.polls.labels("database_unavailable").inc()
            follower.metrics.leads.set(0)
            follower.touch_heartbeat()
            follower.back_off()
