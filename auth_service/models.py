"""The tables of auth: users, their sessions and refresh tokens, the feed, the throttle and the audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Row, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.db.columns import CodePointText, RowId, UtcDateTime
from common.db.engine import Database


class AuthBase(DeclarativeBase):
    """The tables of the users database."""


db = Database(metadata=AuthBase.metadata)


class User(AuthBase):
    """A person who can log in. `folded_name` makes a name unique in any case."""

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

    __table_args__: tuple[Any, ...] = (
        Index(
            "ix_users_enabled_admins",
            "id",
            postgresql_where=text("admin IS true AND disabled IS false"),
            sqlite_where=text("admin IS 1 AND disabled IS 0"),
        ),
    )


USER_COLUMNS = (
    User.id,
    User.public_id,
    User.name,
    User.admin,
    User.disabled,
    User.created_at,
    User.last_login_at,
)
UserRow = Row[int, str, str, bool, bool, datetime, datetime | None]  # of `USER_COLUMNS`


class Session(AuthBase):
    """One login, from the right password to logout or expiry; `id` is the `sid` of its tokens."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The earlier of the idle and the absolute end, or when it was ended. Purged a day after it.
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_agent: Mapped[str] = mapped_column(Text)
    ip: Mapped[str] = mapped_column(Text)
    # Its refresh tokens: the newest, the one before it, which stays good until the newest is used, and what
    # the newest is computed from (sessions/refreshing.py).
    seed: Mapped[bytes] = mapped_column(LargeBinary)
    token_number: Mapped[int]
    token_digest: Mapped[bytes] = mapped_column(LargeBinary)
    previous_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[str | None] = mapped_column(Text)  # None: the newest is random


class OldRefreshToken(AuthBase):
    """A token, without a mark, of a session from before seeds; no more are added, and they go with it."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)


class Event(AuthBase):
    """An event of the feed; its `type` decides which columns are set."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    session_id: Mapped[str | None] = mapped_column(String(36))
    public_id: Mapped[str | None] = mapped_column(String(36))
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__: tuple[Any, ...] = (Index("ix_events_type_at", "type", "at"),)


class Feed(AuthBase):
    """The one row that numbers the events: the last id given, and the highest that was purged.

    `epoch` is random: a database that was restored from a backup gets another (deploy/restore).
    """

    __tablename__ = "feed"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)
    purged: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[str] = mapped_column(String(36))


class PasswordAttempt(AuthBase):
    """A password that is being compared, or was wrong, whether the name exists or not."""

    __tablename__ = "password_tries"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name_key: Mapped[bytes] = mapped_column(LargeBinary)  # SHA-256 of the folded name
    network: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)  # when it began, or failed
    failed: Mapped[bool]
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)  # keyed, of a wrong password, for 15 minutes
    repeats: Mapped[int] = mapped_column(default=0)  # of the same wrong password, which count as nothing

    __table_args__: tuple[Any, ...] = (
        Index("ix_password_tries_name_key_at", "name_key", "at"),
        Index("ix_password_tries_network_at", "network", "at"),
        Index(
            "ix_password_tries_digest_at",
            "at",
            postgresql_where=text("digest IS NOT NULL"),
            sqlite_where=text("digest IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )


class KnownNetwork(AuthBase):
    __tablename__ = "known_networks"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name_key: Mapped[bytes] = mapped_column(LargeBinary)  # as above
    network: Mapped[str] = mapped_column(Text)
    last_login_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # while the network was past its limit

    __table_args__: tuple[Any, ...] = (
        Index("ix_known_networks_name_key_network", "name_key", "network", unique=True),
    )


class Registration(AuthBase):
    __tablename__ = "registrations"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    network: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    __table_args__: tuple[Any, ...] = (Index("ix_registrations_network_at", "network", "at"),)


class AuditEntry(AuthBase):
    """An entry of the audit log; it outlives the user and the session that it names."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    event: Mapped[str] = mapped_column(String(40))
    public_id: Mapped[str | None] = mapped_column(String(36))
    name: Mapped[str | None] = mapped_column(Text)  # as it was then; None where nobody had the name
    folded_name: Mapped[str | None] = mapped_column(CodePointText)
    ip: Mapped[str | None] = mapped_column(Text)
    session_id: Mapped[str | None] = mapped_column(String(36))
    detail: Mapped[str | None] = mapped_column(Text)  # our words, never a stranger's

    __table_args__: tuple[Any, ...] = (Index("ix_audit_folded_name_at", "folded_name", "at"),)
