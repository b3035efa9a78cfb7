"""Owns how rows that are kept no longer go: a few at a time, along with what is written anyway."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, bindparam, delete, select
from sqlalchemy.orm import InstrumentedAttribute


def delete_some(id_: InstrumentedAttribute[Any], *which: ColumnElement[bool], limit: int) -> Delete:
    """Return the statement that deletes up to `limit` rows."""
    return delete(id_.class_).where(id_.in_(select(id_).where(*which).limit(limit)))


def delete_old(
    id_: InstrumentedAttribute[int],
    at: InstrumentedAttribute[datetime],
    *which: ColumnElement[bool],
    limit: int,
) -> Delete:
    """Return the statement that deletes up to `limit` of the oldest rows, all from before `before`.

    It takes none that another is deleting already.
    """
    old = select(id_).where(at < bindparam("before"), *which).order_by(at).limit(limit)
    return delete(id_.class_).where(id_.in_(old.with_for_update(skip_locked=True)))
