"""The things of one user: each statement names the owner, so a row of somebody else is not there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, Select, bindparam, delete, exists, insert, select, update

from common.errors import NotFound, PreconditionFailed, TokenRevoked
from common.feed.events import UserData
from common.feed.models import DeletedUser
from common.web.field_types import Timestamp
from things_service.models import Thing, db

BATCH = 500  # rows of a deleted user that go in one transaction


@dataclass(slots=True)
class ThingPayload:
    """What an owner reads."""

    id: Annotated[int, Field(ge=1, json_schema_extra={"format": "int64"})]
    title: str
    body: str
    created_at: Timestamp
    updated_at: Timestamp
    version: Annotated[int, Field(exclude=True)] = 1  # one more with each change

    @property
    def etag(self) -> str:
        """Return the strong entity tag of this version (RFC 9110 section 8.8.3)."""
        return f'"{self.version}"'


class ThingNotFound(NotFound):
    message = "thing does not exist"


COLUMNS = tuple(getattr(Thing, field.name) for field in fields(ThingPayload))
NEW_COLUMNS = ("owner", "title", "body", "version", "created_at", "updated_at")
_is_owned = Thing.owner == bindparam("of_owner")
_is_it = Thing.id == bindparam("row_id")
_owner = bindparam("owner", type_=Thing.owner.type)
_values = [bindparam(name, type_=Thing.__table__.c[name].type) for name in NEW_COLUMNS]
# Nothing is stored for a deleted user, whatever the token says: the statement itself looks.
_row = select(*_values).where(~exists().where(DeletedUser.public_id == _owner))
INSERT_THING = insert(Thing).from_select(NEW_COLUMNS, _row).returning(*COLUMNS)
SELECT_THING = select(*COLUMNS).where(_is_owned, _is_it)
LOCK_THING = SELECT_THING.with_for_update()
SELECT_PAGE = (
    select(*COLUMNS)
    .where(_is_owned, Thing.id > bindparam("after"))
    .order_by(Thing.id)
    .limit(bindparam("limit"))
)
_changed = ("title", "body", "version", "updated_at")
UPDATE_THING = update(Thing).where(_is_owned, _is_it).values({name: bindparam(name) for name in _changed})
DELETE_THING = delete(Thing).where(_is_owned, _is_it)
FIND_BATCH = select(Thing.id).where(_is_owned).order_by(Thing.id).limit(BATCH)
DELETE_BATCH = delete(Thing).where(_is_owned, Thing.id.between(bindparam("first"), bindparam("last")))


def create_thing(owner: str, members: Mapping[str, Any]) -> ThingPayload:
    """Store a new row and return it; raises `TokenRevoked` if the owner was deleted."""
    now = datetime.now(UTC)
    row = {"owner": owner, **members, "version": 1, "created_at": now, "updated_at": now}
    with db.write() as connection:
        stored = connection.execute(INSERT_THING, row).first()
    if stored is None:
        raise TokenRevoked("user")
    return ThingPayload(*stored)


def find_thing(owner: str, thing_id: int) -> ThingPayload:
    """Return the row, or raise `ThingNotFound`."""
    with db.read() as connection:
        return _select_thing(connection, SELECT_THING, owner, thing_id)


def find_things(owner: str, *, after: int, limit: int) -> tuple[list[ThingPayload], bool]:
    """Return up to `limit` rows with ids above `after`, and whether there are more."""
    with db.read() as connection:
        page = {"of_owner": owner, "after": after, "limit": limit + 1}
        rows = connection.execute(SELECT_PAGE, page).all()
    return [ThingPayload(*row) for row in rows[:limit]], len(rows) > limit


def update_thing(
    owner: str, thing_id: int, members: Mapping[str, Any], is_expected: Callable[[str], bool]
) -> ThingPayload:
    """Change members and return the row; what it has already makes no new version.

    `is_expected` says of an entity tag whether that version may be changed. Raises `ThingNotFound` and
    `PreconditionFailed`.
    """
    with db.write() as connection:
        found = _lock_thing(connection, owner, thing_id, is_expected)
        if all(getattr(found, name) == value for name, value in members.items()):
            return found
        changed = replace(found, **members, updated_at=datetime.now(UTC), version=found.version + 1)
        values = {name: getattr(changed, name) for name in _changed}
        connection.execute(UPDATE_THING, {"of_owner": owner, "row_id": thing_id, **values})
        return changed


def remove_thing(owner: str, thing_id: int, is_expected: Callable[[str], bool]) -> None:
    """Delete the row; raises `ThingNotFound` and `PreconditionFailed`."""
    with db.write() as connection:
        _lock_thing(connection, owner, thing_id, is_expected)
        connection.execute(DELETE_THING, {"of_owner": owner, "row_id": thing_id})


def _select_thing(connection: Connection, statement: Select[Any], owner: str, thing_id: int) -> ThingPayload:
    row = connection.execute(statement, {"of_owner": owner, "row_id": thing_id}).first()
    if row is None:
        raise ThingNotFound
    return ThingPayload(*row)


def _lock_thing(
    connection: Connection, owner: str, thing_id: int, is_expected: Callable[[str], bool]
) -> ThingPayload:
    found = _select_thing(connection, LOCK_THING, owner, thing_id)
    if not is_expected(found.etag):
        raise PreconditionFailed
    return found


def delete_batch_of_things(connection: Connection, owner: str, _waits: bool) -> bool:
    """Delete some rows of a deleted user; return whether there may be more."""
    ids = connection.execute(FIND_BATCH, {"of_owner": owner}).scalars().all()
    if ids:
        connection.execute(DELETE_BATCH, {"of_owner": owner, "first": ids[0], "last": ids[-1]})
    return len(ids) == BATCH


THINGS_OF_USERS = UserData(delete_batch_of_things)
