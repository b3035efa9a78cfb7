"""What books has heard from auth: how far, which sessions ended, which users were deleted."""

import sqlalchemy as sa
from alembic import op

from common.db.columns import UtcDateTime

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    feed = op.create_table(
        "feed",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cursor", sa.BigInteger, nullable=False),
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
    for table in ("deleted_users", "ended_sessions", "feed"):
        op.drop_table(table)
