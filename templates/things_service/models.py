"""The table of things."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.db.columns import RowId, UtcDateTime
from common.db.engine import Database
from common.feed.models import add_feed_tables


class ThingsBase(DeclarativeBase):
    """The tables of the things database."""


db = Database(metadata=ThingsBase.metadata)


class Thing(ThingsBase):
    """One row of `owner`, the `public_id` of a verified token."""

    __tablename__ = "things"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    owner: Mapped[str] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    # On PostgreSQL owner and id are the primary key, so no plan can walk the rows of others.
    __table_args__: tuple[Any, ...] = (Index("ix_things_owner_id", "owner", "id", info={"only": "sqlite"}),)


add_feed_tables(ThingsBase.metadata)
