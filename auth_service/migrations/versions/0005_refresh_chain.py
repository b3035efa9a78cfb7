"""What a session computes its refresh tokens from, in its own row; `refresh_tokens` gets no more rows."""

import sqlalchemy as sa
from alembic import op

from common.db.columns import UtcDateTime

revision: str = "0005"
down_revision: str | None = "0004"

KEPT = 1000  # tokens of a session: more than it has after 30 days with a refresh every 45 minutes
EMPTY = sa.text("''")
RANDOM = {"sqlite": "randomblob(16)", "postgresql": "uuid_send(gen_random_uuid())"}

FILL = """
    UPDATE sessions SET
        seed = {random},
        token_digest = coalesce((
            SELECT digest FROM refresh_tokens AS newest
            WHERE newest.session_id = sessions.id AND newest.used_at IS NULL
            ORDER BY newest.issued_at DESC LIMIT 1
        ), token_digest)
"""
FILL_PREVIOUS = """
    UPDATE sessions SET previous_digest = (
        SELECT digest FROM refresh_tokens AS earlier
        WHERE earlier.session_id = sessions.id AND earlier.successor = sessions.token_digest
        LIMIT 1
    )
"""
TRIM = """
    DELETE FROM refresh_tokens WHERE digest IN (
        SELECT digest FROM (
            SELECT digest, row_number() OVER (PARTITION BY session_id ORDER BY issued_at DESC) AS place
            FROM refresh_tokens
        ) AS numbered
        WHERE place > {kept}
    )
"""
# Before this migration, a token without `used_at` was good, and one whose `successor` has none.
INSERT_MISSING = """
    INSERT INTO refresh_tokens (digest, session_id)
    SELECT {digest}, id FROM sessions
    WHERE {digest} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE digest = sessions.{digest})
"""
MARK_USED = """
    UPDATE refresh_tokens SET
        issued_at = sessions.last_used_at,
        used_at = CASE WHEN digest = sessions.token_digest THEN NULL ELSE sessions.last_used_at END,
        successor = CASE WHEN digest = sessions.previous_digest THEN sessions.token_digest END
    FROM sessions WHERE sessions.id = refresh_tokens.session_id
"""


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("sessions", sa.Column("seed", sa.LargeBinary, nullable=False, server_default=EMPTY))
    op.add_column("sessions", sa.Column("token_number", sa.Integer, nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("token_digest", sa.LargeBinary, nullable=False, server_default=EMPTY))
    op.add_column("sessions", sa.Column("previous_digest", sa.LargeBinary))
    op.add_column("sessions", sa.Column("key_id", sa.Text))
    op.execute(FILL.format(random=RANDOM[dialect]))
    op.execute(FILL_PREVIOUS)
    op.execute(TRIM.format(kept=KEPT))
    for column in ("successor", "issued_at", "used_at"):
        op.drop_column("refresh_tokens", column)
    if dialect != "sqlite":  # which cannot change a column, and takes every value from us anyway
        for column in ("seed", "token_number", "token_digest"):
            op.alter_column("sessions", column, server_default=None)


def downgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("successor", sa.LargeBinary))
    op.add_column("refresh_tokens", sa.Column("issued_at", UtcDateTime))
    op.add_column("refresh_tokens", sa.Column("used_at", UtcDateTime))
    for digest in ("token_digest", "previous_digest"):
        op.execute(INSERT_MISSING.format(digest=digest))
    op.execute(MARK_USED)
    with op.batch_alter_table("refresh_tokens") as table:
        table.alter_column("issued_at", nullable=False)
    for column in ("seed", "token_number", "token_digest", "previous_digest", "key_id"):
        op.drop_column("sessions", column)
