"""Statements that keep no row past its retention: a few at a time, along with what is written anyway."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, Update, bindparam, delete, select, update
from sqlalchemy.orm import InstrumentedAttribute


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
    """Return the statement that dates up to `limit` rows back to `latest`: a clock was ahead."""
    ahead = select(id_).where(at > bindparam("latest")).limit(limit).with_for_update(skip_locked=True)
    return update(id_.class_).where(id_.in_(ahead)).values({at: bindparam("latest")})
