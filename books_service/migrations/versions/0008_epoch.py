"""Which epoch of auth's feed the cursor belongs to."""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    op.add_column("feed", sa.Column("epoch", sa.Text))


def downgrade() -> None:
    op.drop_column("feed", "epoch")
