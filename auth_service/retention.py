"""Statements that keep no row past its retention: a few at a time, along with what is written anyway."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Delete, Update, bindparam, delete, select, update
from sqlalchemy.orm import InstrumentedAttribute

from common.db.columns import is_plausible


def delete_old(
    id_: InstrumentedAttribute[Any],
    at: InstrumentedAttribute[datetime],
    *conditions: ColumnElement[bool],
    limit: int,
) -> Delete:
    """Return the statement that deletes up to `limit` of the oldest rows, all from before `before`.

    It skips rows that another transaction is deleting already.
    """
    old = select(id_).where(at < bindparam("before"), *conditions).order_by(at).limit(limit)
    return delete(id_.class_).where(id_.in_(old.with_for_update(skip_locked=True)))


def date_back(id_: InstrumentedAttribute[Any], at: InstrumentedAttribute[datetime], *, limit: int) -> Update:
    """Return the statement, for `date_rows_back`, that dates up to `limit` rows back to `latest`."""
    ahead = select(id_).where(at > bindparam("latest")).limit(limit).with_for_update(skip_locked=True)
    return update(id_.class_).where(id_.in_(ahead)).values({at: bindparam("latest")})


def date_rows_back(connection: Connection, statement: Update, **times: datetime) -> None:
    """Date rows back that a clock has made which was ahead, unless it is the clock of now that is wrong.

    A machine that starts without one says 1970, and all that there is would be over as soon as it is set.
    """
    if is_plausible(times["latest"]):
        connection.execute(statement, times)
