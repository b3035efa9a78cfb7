"""Owns how many people may register from one network in an hour."""

from datetime import datetime

from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import scoped_session

from auth_service.limits import HOUR, TooMany, lock
from auth_service.models import Registration, db
from auth_service.old_rows import delete_old

MESSAGE = "too many registrations from this network"
PURGE_BATCH = 20  # rows; each registration makes one


def check(network: str, *, limit: int, now: datetime) -> None:
    """Raise `TooMany` if the limit is reached, before anything costly is done; 0 is no limit."""
    if limit:
        with db.read() as connection:
            _refuse(connection, network, limit, now)


def admit(network: str, *, limit: int, now: datetime) -> None:
    """Count a registration in its transaction, or raise `TooMany`: of many at once no more get in."""
    if not limit:
        return
    lock(f"registrations from {network}")
    _refuse(db.session, network, limit, now)
    db.session.execute(insert(Registration), {"network": network, "at": now})
    delete_old(Registration.id, Registration.at, before=now - HOUR, limit=PURGE_BATCH)


def _refuse(
    connection: Connection | scoped_session[Session], network: str, limit: int, now: datetime
) -> None:
    """Refuse until the registration that filled the limit is an hour old."""
    last_but = (
        select(Registration.at)
        .where(Registration.network == network, Registration.at > now - HOUR)
        .order_by(Registration.at.desc())
        .offset(limit - 1)
        .limit(1)
    )
    filled_at = connection.execute(last_but).scalar()
    if filled_at is not None:
        db.session.rollback()
        raise TooMany(MESSAGE, limit="registrations", wait=filled_at + HOUR - now)
