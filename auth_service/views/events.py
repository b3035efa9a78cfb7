"""The feed as other services read it: `GET /events`, which can wait for an event."""

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from flask import Flask, Response, current_app, g
from pydantic import Field

from auth_service import events
from auth_service.events import SESSION_ENDED, EventRow, EventsPurged
from auth_service.settings import AuthSettings
from auth_service.views.schemas import AN_ID, MADE_AT, PublicId
from common.errors import TokenRejected
from common.ops import stop_signal
from common.ops.limits import Busy, ConcurrencyLimit
from common.tokens.access import TokenExpired, verify_service_token
from common.web.field_types import Digits, Schema, Timestamp
from common.web.guard import JWT_SCHEME, TokenMissing, bearer_token, verifier
from common.web.routes import ApiBlueprint, json_response

POLL_EVERY = 0.15  # seconds between two looks of a request that waits
MAX_EVENTS = 1000  # in one answer
MAX_ID = 2**63 - 1

FEED_END = (
    "The highest id there is. Below `after` it says that a backup of the feed was restored: what comes next"
    " has other numbers, and has to be read again from 0."
)

SERVICE = {  # OpenAPI's security scheme
    "service": JWT_SCHEME
    | {"description": "A token that another service signed with the shared key, good for a minute."}
}


def require_service_token() -> None:
    """Refuse with 401 what is no service of ours; its token comes as `Bearer` and in no other way."""
    token = bearer_token()
    if not token:
        raise TokenMissing("missing")
    services = current_app.extensions["settings"].service_names
    verifier().verify_by(partial(verify_service_token, services=services, now=time.time()), token)


blueprint = ApiBlueprint(
    "events",
    description="What other services have to hear, for them alone",
    guards=[require_service_token],
    security=SERVICE,
)


class EventQuery(Schema):
    after: Annotated[int, Field(ge=0, le=MAX_ID, description="`last` of the answer before."), Digits] = 0
    wait: Annotated[int, Field(ge=0, le=30, description="Seconds to wait if there is no event."), Digits] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_EVENTS, description="Events in the answer."), Digits] = 100


@dataclass(slots=True)
class SessionEnded:
    """A session ended; its last access token is dead at `until`."""

    id: int
    at: Timestamp
    sid: str
    until: Timestamp
    type: Literal["session.ended"] = "session.ended"


@dataclass(slots=True)
class UserDeleted:
    """A user was deleted."""

    id: int
    at: Timestamp
    public_id: PublicId
    type: Literal["user.deleted"] = "user.deleted"


@dataclass(slots=True)
class EventList:
    """Events by id, oldest first; `last` is the next `after`.

    With another `epoch` than before the feed was restored from a backup: read again from 0.
    """

    events: list[Annotated[SessionEnded | UserDeleted, Field(discriminator="type")]]
    last: int
    epoch: str


EXAMPLE = EventList(
    [SessionEnded(6, MADE_AT, AN_ID, MADE_AT.replace(hour=4)), UserDeleted(7, MADE_AT, AN_ID)], 7, AN_ID
)


def init_app(app: Flask, settings: AuthSettings) -> None:
    """Let a part of the threads of each worker wait, so that there is always one for other requests."""
    count = 0 if settings.threads == 1 else max(1, settings.threads // 4)
    app.extensions["event_waits"] = ConcurrencyLimit(count)
    if not settings.is_command:
        stop_signal.watch_for_stop()


@blueprint.operation(
    "GET /events",
    responses={200: EXAMPLE},
    headers={"Feed-End": FEED_END},
    errors=[EventsPurged, TokenMissing, TokenRejected, TokenExpired],
)
def list_events(query: EventQuery) -> Response:
    """List the events behind `after`; if there is none, wait for one, but no longer than `wait`."""
    after, limit = query.after, query.limit
    found, end = events.find_events(after=after, limit=limit), events.end_of_feed(after)
    if not found and after <= end.last and wait_for_event(after, query.wait):
        found, end = events.find_events(after=after, limit=limit), events.end_of_feed(after)
    g.is_routine = not found and after <= end.last
    last = found[-1].id if found else after
    listed = EventList([payload(event) for event in found], last, end.epoch)
    return json_response(listed, headers={"Feed-End": str(end.last)})


def wait_for_event(after: int, wait: int) -> bool:
    """Return whether an event comes in `wait` seconds; no database connection is held between two looks."""
    until = time.monotonic() + wait
    with suppress(Busy), current_app.extensions["event_waits"].slot():
        while time.monotonic() < until and not stop_signal.is_stopping():
            time.sleep(POLL_EVERY)
            if events.find_events(after=after, limit=1):
                return True
    return False


def payload(event: EventRow) -> SessionEnded | UserDeleted:
    """Return the event as other services read it; its type decides which members it has."""
    if event.type == SESSION_ENDED:
        return SessionEnded(event.id, event.at, event.session_id or "", event.until or event.at)
    return UserDeleted(event.id, event.at, event.public_id or "")
