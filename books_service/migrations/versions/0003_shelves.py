"""What shelves are searched and sorted by, how many books are on each, and the keys of requests."""

import sqlalchemy as sa
from alembic import op

from books_service.shelf.put import fold_text
from common.db.columns import CodePointText, UtcDateTime

revision: str = "0003"
down_revision: str | None = "0002"

FOLDED = {"folded_name": "name", "folded_author": "Author", "folded_publisher": "Publisher"}
SORTED = {"name": "folded_name", "author": "folded_author", "prize": "book_prize", "created": "created_at"}
BATCH = 1000  # rows

books = sa.table("books", *(sa.column(name) for name in ("id", "owner", *FOLDED, *FOLDED.values())))


def upgrade() -> None:
    connection = op.get_bind()
    for column in FOLDED:
        op.add_column("books", sa.Column(column, CodePointText, nullable=False, server_default=""))
    _fold(connection)
    if (
        connection.dialect.name != "sqlite"
    ):  # which cannot change a column, and takes every value from us anyway
        for column in FOLDED:
            op.alter_column("books", column, server_default=None)
    for name, column in SORTED.items():
        op.create_index(f"ix_books_owner_{name}", "books", ["owner", column, "id"])
    op.create_table(
        "shelves",
        sa.Column("owner", sa.String(36), primary_key=True),
        sa.Column("books", sa.Integer, nullable=False),
        postgresql_with={"fillfactor": 50},  # room for the next number in the same page
    )
    op.execute("INSERT INTO shelves (owner, books) SELECT owner, count(*) FROM books GROUP BY owner")
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(36), primary_key=True),
        sa.Column("key", CodePointText, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_idempotency_keys_made_at", "idempotency_keys", ["made_at"])


def _fold(connection: sa.Connection) -> None:
    """Fill the folded columns, some rows at a time."""
    # In the order of an index: PostgreSQL has none on `id` alone.
    place = (books.c.owner, books.c.id)
    last = ("", 0)
    page = sa.select(*place, *(books.c[name] for name in FOLDED.values())).order_by(*place).limit(BATCH)
    change = (
        sa.update(books)
        .where(books.c.owner == sa.bindparam("book_owner"), books.c.id == sa.bindparam("book_id"))
        .values({column: sa.bindparam(column) for column in FOLDED})
    )
    while rows := connection.execute(page.where(sa.tuple_(*place) > last)).all():
        last = (rows[-1].owner, rows[-1].id)
        folded = [[fold_text(text) for text in texts] for _, _, *texts in rows]
        connection.execute(
            change,
            [
                {"book_owner": row.owner, "book_id": row.id} | dict(zip(FOLDED, texts, strict=True))
                for row, texts in zip(rows, folded, strict=True)
            ],
        )


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("shelves")
    for name in SORTED:
        op.drop_index(f"ix_books_owner_{name}", "books")
    for column in FOLDED:
        op.drop_column("books", column)
