"""Owns how rows that are kept no longer go: a few at a time, along with what is written anyway."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute

from auth_service.models import db


def delete_old(
    id_: InstrumentedAttribute[int], at: InstrumentedAttribute[datetime], *, before: datetime, limit: int
) -> None:
    """Delete up to `limit` of the oldest rows, in the transaction; none that another is deleting already."""
    old = select(id_).where(at < before).order_by(at).limit(limit).with_for_update(skip_locked=True)
    statement = delete(id_.class_).where(id_.in_(old))
    db.session.execute(statement, execution_options={"synchronize_session": False})
