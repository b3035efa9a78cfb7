"""The table of things, and what the service hears from auth: ended sessions, deleted users."""

import sqlalchemy as sa
from alembic import op

from common.db.columns import RowId, UtcDateTime

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"  # where only a primary key of its own numbers rows
    op.create_table(
        "things",
        sa.Column("id", RowId, sa.Identity(always=True), primary_key=is_sqlite, nullable=False),
        sa.Column("owner", sa.String(36), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sqlite_autoincrement=True,  # an id is never given to a second row, on PostgreSQL neither
    )
    if is_sqlite:
        op.create_index("ix_things_owner_id", "things", ["owner", "id"])
    else:
        op.create_primary_key("pk_things", "things", ["owner", "id"])
    _create_feed_tables()


def _create_feed_tables() -> None:
    feed = op.create_table(
        "feed",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.Text),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("heard_at", UtcDateTime),
        sa.Column("event_at", UtcDateTime),
        sa.Column("applied_at", UtcDateTime),
        sa.Column("sessions_ended", sa.BigInteger, nullable=False),
        sa.Column("users_deleted", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_feed_one_row"),
    )
    op.bulk_insert(feed, [{"id": 1, "cursor": 0, "position": 0, "sessions_ended": 0, "users_deleted": 0}])
    op.create_table(
        "ended_sessions",
        sa.Column("sid", sa.Text, primary_key=True),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_ended_sessions_position", "ended_sessions", ["position"])
    op.create_table(
        "deleted_users",
        sa.Column("public_id", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", UtcDateTime, nullable=False),
        sa.Column("swept_at", UtcDateTime),
    )
    op.create_index("ix_deleted_users_position", "deleted_users", ["position"])
    unswept = sa.text("swept_at IS NULL")
    op.create_index(
        "ix_deleted_users_unswept",
        "deleted_users",
        ["deleted_at"],
        postgresql_where=unswept,
        sqlite_where=unswept,
    )


def downgrade() -> None:
    for table in ("deleted_users", "ended_sessions", "feed", "things"):
        op.drop_table(table)
