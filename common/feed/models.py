"""What a service has heard from auth: how far, which sessions ended, which users were deleted."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.db.columns import UtcDateTime


class FeedBase(DeclarativeBase):
    """The tables that each service with a follower has in its own database."""


def add_feed_tables(metadata: MetaData) -> None:
    """Let these tables be part of a service's, behind its own."""
    for table in FeedBase.metadata.sorted_tables:
        table.to_metadata(metadata)


class FeedState(FeedBase):
    """The one row that says how far auth's feed is applied, and when auth last answered."""

    __tablename__ = "feed"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cursor: Mapped[int] = mapped_column(BigInteger)  # the id of the last event that was applied,
    epoch: Mapped[str | None] = mapped_column(Text)  # in this epoch of the feed; None: auth named none yet
    position: Mapped[int] = mapped_column(BigInteger)  # of the newest row of the two tables below
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    event_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when auth wrote the last event,
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # and when it was applied here
    sessions_ended: Mapped[int] = mapped_column(BigInteger)  # events applied
    users_deleted: Mapped[int] = mapped_column(BigInteger)


class EndedSession(FeedBase):
    """A session whose tokens are refused, for as long as one of them could be alive."""

    __tablename__ = "ended_sessions"

    sid: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    position: Mapped[int] = mapped_column(BigInteger, index=True)


class DeletedUser(FeedBase):
    """A user who gets nothing stored any more, ever; from `swept_at` on there is none left that came late."""

    __tablename__ = "deleted_users"

    public_id: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, index=True)
    deleted_at: Mapped[datetime] = mapped_column(UtcDateTime)  # here
    swept_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__: tuple[Any, ...] = (
        Index(
            "ix_deleted_users_unswept",
            "deleted_at",
            postgresql_where=swept_at.is_(None),
            sqlite_where=swept_at.is_(None),
        ),
    )
