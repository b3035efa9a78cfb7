"""The table of books."""

import sqlalchemy as sa
from alembic import op

from common.db.columns import RowId, UtcDateTime

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"  # where only a primary key of its own numbers rows
    op.create_table(
        "books",
        sa.Column("id", RowId, sa.Identity(always=True), primary_key=is_sqlite, nullable=False),
        sa.Column("owner", sa.String(36), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("Author", sa.Text, nullable=False),
        sa.Column("Publisher", sa.Text, nullable=False),
        sa.Column("book_prize", sa.Integer),
        sa.Column("title", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sqlite_autoincrement=True,  # an id is never given to a second book, on PostgreSQL neither
    )
    if is_sqlite:
        op.create_index("ix_books_owner_id", "books", ["owner", "id"])
    else:
        op.create_primary_key("pk_books", "books", ["owner", "id"])
    op.create_index("uq_books_owner_title", "books", ["owner", "title"], unique=True)


def downgrade() -> None:
    op.drop_table("books")
