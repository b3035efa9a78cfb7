"""An index in which an owner's idempotency keys are counted."""

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    op.create_index("ix_idempotency_keys_owner", "idempotency_keys", ["owner", "made_at"])


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_owner", "idempotency_keys")
