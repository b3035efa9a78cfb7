"""Column types that must give the same values on SQLite and on PostgreSQL."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Integer, Text, TypeDecorator
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)  # these services


class SqliteUtcDateTime(TypeDecorator[datetime]):
    """SQLite keeps no time zone: what is stored is UTC, and says so again when it is read."""

    impl = sqlite.DATETIME
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return value and value.replace(tzinfo=UTC)


# SQLite numbers rows only in a column whose type is INTEGER to the letter; it holds 64 bits there too.
RowId = BigInteger().with_variant(Integer(), "sqlite")
UtcDateTime = DateTime(timezone=True).with_variant(SqliteUtcDateTime(), "sqlite")
# Compared by code point, whatever the database's locale: an index then serves prefixes as well.
CodePointText = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def is_plausible(now: datetime) -> bool:
    """Return whether a clock may be right: one that was never set says 1970."""
    return now > WRITTEN
