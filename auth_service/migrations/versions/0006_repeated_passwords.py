"""What the throttle knows of a repeated wrong password, and of attempts from a network past its limit."""

import sqlalchemy as sa
from alembic import op

from common.db.columns import UtcDateTime

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.add_column("password_tries", sa.Column("digest", sa.LargeBinary))
    repeats = sa.Column("repeats", sa.Integer, nullable=False, server_default="0")
    op.add_column("password_tries", repeats)
    op.create_index(
        "ix_password_tries_digest_at",
        "password_tries",
        ["at"],
        postgresql_where=sa.text("digest IS NOT NULL"),
        sqlite_where=sa.text("digest IS NOT NULL"),
    )
    op.add_column("known_networks", sa.Column("tried_at", UtcDateTime))


def downgrade() -> None:
    op.drop_column("known_networks", "tried_at")
    op.drop_index("ix_password_tries_digest_at", "password_tries")
    op.drop_column("password_tries", "repeats")
    op.drop_column("password_tries", "digest")
