"""Owns the tables of users, their sessions and the refresh tokens that were issued for them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.columns import CodePointText, RowId, UtcDateTime
from common.database import Database


class Base(DeclarativeBase):
    """The tables of the users database."""


db = Database(metadata=Base.metadata)


class User(Base):
    """Somebody who can log in. `folded_name` is what makes a name unique in any case."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str] = mapped_column(Text)
    folded_name: Mapped[str] = mapped_column(CodePointText, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    admin: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Session(Base):
    """One login, from the right password to logout or expiry; `id` is the `sid` of its tokens."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)  # the earlier of the idle and the absolute end
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_agent: Mapped[str] = mapped_column(Text)
    ip: Mapped[str] = mapped_column(Text)

    __table_args__: tuple[Any, ...] = (Index("ix_sessions_user_id", "user_id"),)


class RefreshToken(Base):
    """A refresh token that was issued for a session, by the SHA-256 of its secret part."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    successor: Mapped[bytes | None] = mapped_column(LargeBinary)  # the digest issued when this one was used
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__: tuple[Any, ...] = (Index("ix_refresh_tokens_session_id", "session_id"),)
