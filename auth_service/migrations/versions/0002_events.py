"""The feed: what other services have to hear, and how far it has come."""

import sqlalchemy as sa
from alembic import op

from common.db.columns import RowId, UtcDateTime

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", RowId, primary_key=True, autoincrement=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("session_id", sa.String(36)),
        sa.Column("public_id", sa.String(36)),
        sa.Column("until", UtcDateTime),
    )
    op.create_index("ix_events_type_at", "events", ["type", "at"])
    feed = op.create_table(
        "feed",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("purged", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_feed_one_row"),
    )
    op.bulk_insert(feed, [{"id": 1, "last": 0, "purged": 0}])


def downgrade() -> None:
    for table in ("feed", "events"):
        op.drop_table(table)
