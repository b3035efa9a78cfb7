"""Indexes for what is looked up now: sessions that are over, and the admins of whom one has to stay."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index(
        "ix_users_enabled_admins",
        "users",
        ["id"],
        postgresql_where=sa.text("admin IS true AND disabled IS false"),
        sqlite_where=sa.text("admin IS 1 AND disabled IS 0"),
    )


def downgrade() -> None:
    op.drop_index("ix_users_enabled_admins", "users")
    op.drop_index("ix_sessions_expires_at", "sessions")
