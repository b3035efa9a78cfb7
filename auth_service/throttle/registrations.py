"""The limit of registrations from one network in an hour."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from auth_service.models import Registration
from auth_service.retention import delete_old
from auth_service.throttle.too_many import CLOCK_SKEW, HOUR, TooMany, lock, refuse

PURGE_BATCH = 20  # rows; each registration makes one

# The registration that filled the limit: the last but so many.
FILLED_AT = (
    select(Registration.at)
    .where(
        Registration.network == bindparam("network"),
        Registration.at > bindparam("hour_ago"),
        Registration.at <= bindparam("soon"),
    )
    .order_by(Registration.at.desc())
    .offset(bindparam("others"))
    .limit(1)
)
INSERT = insert(Registration)
DELETE_OLD = delete_old(Registration.id, Registration.at, limit=PURGE_BATCH)


class TooManyRegistrations(TooMany):
    code = "too-many-registrations"
    message = "too many registrations from this network"


def check(connection: Connection, network: str, *, limit: int, now: datetime) -> None:
    """Raise `TooManyRegistrations` until the one that filled the limit is an hour old; 0 is no limit."""
    if not limit:
        return
    times = {"hour_ago": now - HOUR, "soon": now + CLOCK_SKEW}
    filled_at = connection.execute(FILLED_AT, {"network": network, "others": limit - 1, **times}).scalar()
    if filled_at is not None:
        refuse(TooManyRegistrations(limit="registrations", wait=min(filled_at, now) + HOUR - now))


def admit(connection: Connection, network: str, *, limit: int, now: datetime) -> None:
    """Count a registration in its transaction, or raise `TooManyRegistrations`; simultaneous ones queue."""
    if not limit:
        return
    lock(connection, f"registrations from {network}")
    check(connection, network, limit=limit, now=now)
    connection.execute(INSERT, {"network": network, "at": now})
    connection.execute(DELETE_OLD, {"before": now - HOUR})
