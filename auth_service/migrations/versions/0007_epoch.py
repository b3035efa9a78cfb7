"""The epoch of the feed: a random id, by which its followers notice that it was restored from a backup."""

import uuid

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    op.add_column("feed", sa.Column("epoch", sa.String(36), nullable=False, server_default=""))
    op.execute(sa.text("UPDATE feed SET epoch = :epoch").bindparams(epoch=str(uuid.uuid4())))


def downgrade() -> None:
    op.drop_column("feed", "epoch")
