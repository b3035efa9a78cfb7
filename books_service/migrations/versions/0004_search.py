"""The index in which each database looks for words."""

import structlog
from alembic import op
from psycopg import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

revision: str = "0004"
down_revision: str | None = "0003"

# What SQLite looks at, so that it never needs the book itself. It serves what the index before it did.
WANTED = ["owner", "id", "folded_name", "folded_author", "folded_publisher", "book_prize", "created_at"]

# What a new book costs rises with each time that its trigrams are sorted into the index: they wait until they
# are this many kB. More would make the one who has to sort them wait for longer (docs/design.md).
TRIGRAMS = """
CREATE INDEX ix_books_search ON books USING gin (
    (folded_name || chr(10) || folded_author || chr(10) || folded_publisher) gin_trgm_ops
) WITH (gin_pending_list_limit = 1024)
"""
# The role may not, the server has no such extension, or it is where this role does not look.
WITHOUT = (
    errors.InsufficientPrivilege,
    errors.FeatureNotSupported,
    errors.UndefinedFile,
    errors.UndefinedObject,
)

log = structlog.get_logger()


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.create_index("ix_books_owner_search", "books", WANTED)
        op.drop_index("ix_books_owner_id", "books")
    else:
        _index_trigrams(connection)


def _index_trigrams(connection: Connection) -> None:
    """Make the index, or go on without it: then the search is right all the same, only slower."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            connection.exec_driver_sql(TRIGRAMS)
    except DBAPIError as error:
        if not isinstance(error.orig, WITHOUT):
            raise
        log.warning("no_search_index", reason=str(error.orig).strip())


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_books_owner_id", "books", ["owner", "id"])
        op.drop_index("ix_books_owner_search", "books")
    else:  # the extension stays: others may use it by now
        op.execute("DROP INDEX IF EXISTS ix_books_search")
