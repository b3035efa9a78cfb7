"""The tables of password tries, known networks, registrations and the audit log."""

import sqlalchemy as sa
from alembic import op

from common.db.columns import CodePointText, RowId, UtcDateTime

revision: str = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    op.create_table(
        "password_tries",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("name_key", sa.LargeBinary, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,  # the id of a try that was cleared is never another's
    )
    op.create_index("ix_password_tries_name_key_at", "password_tries", ["name_key", "at"])
    op.create_index("ix_password_tries_network_at", "password_tries", ["network", "at"])
    op.create_index("ix_password_tries_at", "password_tries", ["at"])
    op.create_table(
        "known_networks",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("name_key", sa.LargeBinary, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("last_login_at", UtcDateTime, nullable=False),
    )
    op.create_index(
        "ix_known_networks_name_key_network", "known_networks", ["name_key", "network"], unique=True
    )
    op.create_index("ix_known_networks_last_login_at", "known_networks", ["last_login_at"])
    op.create_table(
        "registrations",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_registrations_network_at", "registrations", ["network", "at"])
    op.create_index("ix_registrations_at", "registrations", ["at"])
    _create_audit()


def downgrade() -> None:
    for table in ("audit", "registrations", "known_networks", "password_tries"):
        op.drop_table(table)


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("public_id", sa.String(36)),
        sa.Column("name", sa.Text),
        sa.Column("folded_name", CodePointText),
        sa.Column("ip", sa.Text),
        sa.Column("session_id", sa.String(36)),
        sa.Column("detail", sa.Text),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_folded_name_at", "audit", ["folded_name", "at"])
