"""Owns the feed as other services read it: `GET /events`, which can wait for something to tell."""

import time
from contextlib import suppress

import msgspec
from flask import Flask, Response, current_app

from auth_service import events
from auth_service.events import SESSION_ENDED, USER_DELETED, EventRow, NotInFeed
from auth_service.settings import AuthSettings
from auth_service.views.schemas import AN_ID, MADE_AT
from common.ops import shutdown
from common.ops.limits import Busy, ConcurrencyLimit
from common.web.answers import answer
from common.web.fields import QueryNumber, StrictSchema
from common.web.guard import require_service_token
from common.web.members import Moment, PublicId
from common.web.openapi import SERVICE
from common.web.routes import Blueprint

LOOK_EVERY = 0.15  # seconds between two looks of a request that waits
MAX_EVENTS = 1000  # in one answer
MAX_ID = 2**63 - 1

FEED_END = (
    "The highest id there is. Below `after` it says that the feed was put back to a backup of it: what comes"
    " next has other numbers, and is to be read again from 0."
)

blueprint = Blueprint(
    "events",
    __name__,
    description="What other services have to hear, for them alone",
    guards=[require_service_token],
    security=SERVICE,
)


class Behind(StrictSchema):
    """Which events are wanted."""

    after = QueryNumber(
        low=0, high=MAX_ID, load_default=0, metadata={"description": "`last` of the answer before."}
    )
    wait = QueryNumber(
        low=0, high=30, load_default=0, metadata={"description": "Seconds to wait if there is no event."}
    )
    limit = QueryNumber(
        low=1, high=MAX_EVENTS, load_default=100, metadata={"description": "Events in the answer."}
    )


class SessionEnded(msgspec.Struct, tag_field="type", tag=SESSION_ENDED):
    """A session ended; its last access token is dead at `until`."""

    id: int
    at: Moment
    sid: str
    until: Moment


class UserDeleted(msgspec.Struct, tag_field="type", tag=USER_DELETED):
    """A user was deleted."""

    id: int
    at: Moment
    public_id: PublicId


class EventList(msgspec.Struct):
    """Events by id, oldest first; `last` is the next `after`."""

    events: list[SessionEnded | UserDeleted]
    last: int


EXAMPLE = EventList(
    [SessionEnded(6, MADE_AT, AN_ID, MADE_AT.replace(hour=4)), UserDeleted(7, MADE_AT, AN_ID)], 7
)


def init_app(app: Flask, settings: AuthSettings) -> None:
    """Let a part of the threads of each worker wait, so that there is always one for other requests."""
    count = 0 if settings.threads == 1 else max(1, settings.threads // 4)
    app.extensions["event_waits"] = ConcurrencyLimit(count)
    if not settings.is_command:
        shutdown.watch()


@blueprint.operation(
    "GET /events",
    query=Behind,
    answers={200: EXAMPLE},
    headers={"Feed-End": FEED_END},
    refuses={410: NotInFeed.message},
)
def list_events(after: int, wait: int, limit: int) -> Response:
    """List the events behind `after`; if there is none, wait for one, but no longer than `wait`."""
    found, end = events.find_events(after=after, limit=limit), events.end_of_feed(after)
    if not found and after <= end and wait_for_event(after, wait):
        found, end = events.find_events(after=after, limit=limit), events.end_of_feed(after)
    listed = EventList([payload(event) for event in found], found[-1].id if found else after)
    return answer(listed, headers={"Feed-End": str(end)})


def wait_for_event(after: int, wait: int) -> bool:
    """Look again and again for `wait` seconds at most; no database connection is held between two looks."""
    with suppress(Busy), current_app.extensions["event_waits"].slot():
        return look_again(after, until=time.monotonic() + wait)
    return False


def look_again(after: int, *, until: float) -> bool:
    """Tell that there is an event as soon as there is, or that there was none until the time was over."""
    while time.monotonic() < until and not shutdown.is_stopping():
        time.sleep(LOOK_EVERY)
        if events.find_events(after=after, limit=1):
            return True
    return False


def payload(event: EventRow) -> SessionEnded | UserDeleted:
    """Return the event as other services read it; which members it has its type says."""
    if event.type == SESSION_ENDED:
        return SessionEnded(event.id, event.at, event.session_id or "", event.until or event.at)
    return UserDeleted(event.id, event.at, event.public_id or "")
