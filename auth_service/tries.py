"""Owns the rows behind the throttle: tries of passwords, and the networks that people logged in from."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import scoped_session

from auth_service import names
from auth_service.limits import HOUR
from auth_service.models import KnownNetwork, PasswordTry, db
from auth_service.old_rows import delete_old

IN_A_ROW = timedelta(days=1)  # failures further apart are not in a row, and are forgotten
KNOWN_FOR = timedelta(days=30)  # after a login
LOST = timedelta(seconds=30)  # a try under way for longer is one whose process died: a failure
PURGE_BATCH = 20  # rows; each try makes one
FORGET_BATCH = 500  # rows
# The same words in both dialects, but a function of each.
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
BLIND = {"synchronize_session": False}  # no entities are in the session


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What has become of tries so far; failures include those that were lost."""

    failures: int = 0  # in a row, of the name from the network
    last_failure: datetime | None = None
    under_way: int = 0
    name_under_way: int = 0  # from networks that are not known for the name
    name_tries: int = 0  # failures and tries under way in the last hour, from networks that are not known
    name_oldest: datetime | None = None
    network_tries: int = 0  # the same from the network, whatever the name
    network_oldest: datetime | None = None
    is_known: bool = False  # the network, for the name


_failed = or_(PasswordTry.failed, PasswordTry.at <= bindparam("lost_before"))
_under_way = and_(PasswordTry.failed.is_(False), PasswordTry.at > bindparam("lost_before"))
_of_name = PasswordTry.name_key == bindparam("name_key")
_of_network = PasswordTry.network == bindparam("network")
_in_the_hour = PasswordTry.at > bindparam("hour_ago")
_in_the_month = KnownNetwork.last_login_at > bindparam("month_ago")

_pair = select(
    func.count().filter(_failed).label("failures"),
    func.max(PasswordTry.at).filter(_failed).label("last_failure"),
    func.count().filter(_under_way).label("under_way"),
).where(_of_name, _of_network, PasswordTry.at > bindparam("day_ago"))
_from_unknown = ~exists().where(
    KnownNetwork.name_key == PasswordTry.name_key, KnownNetwork.network == PasswordTry.network, _in_the_month
)
_name = select(
    func.count().filter(_under_way).label("name_under_way"),
    func.count().label("name_tries"),
    func.min(PasswordTry.at).label("name_oldest"),
).where(_of_name, _in_the_hour, _from_unknown)
_network = select(
    func.count().label("network_tries"), func.min(PasswordTry.at).label("network_oldest")
).where(_of_network, _in_the_hour)
_known = select((func.count() > 0).label("is_known")).where(
    KnownNetwork.name_key == bindparam("name_key"),
    KnownNetwork.network == bindparam("network"),
    _in_the_month,
)
_parts = [each.subquery() for each in (_pair, _name, _network, _known)]
_counts = select(*_parts).select_from(
    _parts[0].join(_parts[1], true()).join(_parts[2], true()).join(_parts[3], true())
)


def key_of(name: str) -> bytes:
    """Return the digest that stands for a name, in whatever case; one that cannot be has a digest too."""
    try:
        folded = names.fold(names.normalise(name))
    except names.InvalidName:
        folded = f"\0{name}"  # no name begins like this
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()


def count(
    connection: Connection | scoped_session[Session],
    name_key: bytes,
    network: str,
    *,
    now: datetime,
) -> Counts:
    """Count what there is of the name, of the network, and of both together, in one statement."""
    parameters = {
        "name_key": name_key,
        "network": network,
        "lost_before": now - LOST,
        "hour_ago": now - HOUR,
        "day_ago": now - IN_A_ROW,
        "month_ago": now - KNOWN_FOR,
    }
    return Counts(**connection.execute(_counts, parameters).one()._mapping)


def add(name_key: bytes, network: str, *, now: datetime) -> int:
    """Add a try that is under way, in the transaction, and return its id; purge some that are too old."""
    row = {"name_key": name_key, "network": network, "at": now, "failed": False}
    try_id = db.session.execute(insert(PasswordTry).returning(PasswordTry.id), row).scalar_one()
    delete_old(PasswordTry.id, PasswordTry.at, before=now - IN_A_ROW, limit=PURGE_BATCH)
    return try_id


def mark_failed(try_id: int, *, now: datetime) -> None:
    """Make the try a failure, in the transaction."""
    statement = update(PasswordTry).where(PasswordTry.id == try_id).values(failed=True, at=now)
    db.session.execute(statement, execution_options=BLIND)


def remove(try_id: int) -> None:
    """Remove the try, in the transaction."""
    db.session.execute(delete(PasswordTry).where(PasswordTry.id == try_id), execution_options=BLIND)


def clear(try_id: int, name_key: bytes, network: str, *, now: datetime) -> None:
    """Remove the try and every failure of the pair, in the transaction; what else is under way stays."""
    is_over = or_(PasswordTry.id == try_id, PasswordTry.failed, PasswordTry.at <= now - LOST)
    statement = delete(PasswordTry).where(
        PasswordTry.name_key == name_key, PasswordTry.network == network, is_over
    )
    db.session.execute(statement, execution_options=BLIND)


def know_network(name_key: bytes, network: str, *, now: datetime) -> None:
    """Note in the transaction that somebody of this name came in from the network."""
    row = {"name_key": name_key, "network": network, "last_login_at": now}
    statement = INSERTS[db.engine.dialect.name](KnownNetwork).values(row)
    columns = [KnownNetwork.name_key, KnownNetwork.network]
    db.session.execute(
        statement.on_conflict_do_update(index_elements=columns, set_={"last_login_at": now}),
        execution_options=BLIND,
    )
    delete_old(KnownNetwork.id, KnownNetwork.last_login_at, before=now - KNOWN_FOR, limit=PURGE_BATCH)


def forget_networks(name_key: bytes) -> None:
    """Forget in the transaction where somebody of this name came from, some networks a statement."""
    some = select(KnownNetwork.id).where(KnownNetwork.name_key == name_key).limit(FORGET_BATCH)
    statement = delete(KnownNetwork).where(KnownNetwork.id.in_(some)).returning(KnownNetwork.id)
    while len(db.session.scalars(statement, execution_options=BLIND).all()) == FORGET_BATCH:
        pass
