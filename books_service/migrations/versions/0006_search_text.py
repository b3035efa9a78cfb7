"""The text in which words are looked for: name, author and publisher without accents, in one column.

On PostgreSQL it is made beside readers and writers, on a connection of its own, whose steps are transactions
of their own and can be repeated: what was interrupted is run again. A version before this one may still write
meanwhile and knows no such column, so triggers fill it in for that version.
"""

import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import groupby

import sqlalchemy as sa
import structlog
from alembic import op
from psycopg import errors
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

from books_service.shelf.put import QUOTES, search_form
from common.db.columns import CodePointText

revision: str = "0006"
down_revision: str | None = "0005"

BATCH = 1000  # rows
ATTEMPTS = 60  # to get the lock of the table, for which others wait no longer than a second each time
FOLDED = ["folded_name", "folded_author", "folded_publisher"]
COLUMNS = ["owner", "id", "search_text", *FOLDED, "book_prize", "created_at"]
COLUMNS_BEFORE = ["owner", "id", *FOLDED, "book_prize", "created_at"]

TRIGRAMS = """
CREATE INDEX IF NOT EXISTS ix_books_search_text ON books USING gin (search_text gin_trgm_ops)
 WITH (gin_pending_list_limit = 1024)
"""
TRIGRAMS_BEFORE = """
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

COLUMN = """
SET LOCAL lock_timeout = '1s';
DROP INDEX IF EXISTS ix_books_search;
ALTER TABLE books ADD COLUMN IF NOT EXISTS search_text text COLLATE "C" NOT NULL DEFAULT '';
CREATE OR REPLACE FUNCTION books_search_text(name text, author text, publisher text) RETURNS text
 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT normalize(regexp_replace(normalize(translate(
   name || chr(10) || author || chr(10) || publisher, '{typographic}', '{plain}'), NFD),
   '[{marks}]', '', 'g'), NFC) $$;
CREATE OR REPLACE FUNCTION books_fill_search_text() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
 NEW.search_text := books_search_text(NEW.folded_name, NEW.folded_author, NEW.folded_publisher);
 RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER books_search_text_of_new BEFORE INSERT ON books FOR EACH ROW
 WHEN (NEW.search_text = '') EXECUTE FUNCTION books_fill_search_text();
CREATE OR REPLACE TRIGGER books_search_text_of_changed BEFORE UPDATE ON books FOR EACH ROW
 WHEN (NEW.search_text = OLD.search_text AND (NEW.folded_name, NEW.folded_author, NEW.folded_publisher)
  IS DISTINCT FROM (OLD.folded_name, OLD.folded_author, OLD.folded_publisher))
 EXECUTE FUNCTION books_fill_search_text()
"""
FILL = sa.text("""
WITH page AS MATERIALIZED (
 SELECT owner, id FROM books WHERE (owner, id) > (:owner, :id) ORDER BY owner, id LIMIT :batch
), changed AS (
 UPDATE books SET search_text = books_search_text(folded_name, folded_author, folded_publisher)
 FROM page WHERE books.owner = page.owner AND books.id = page.id AND search_text = ''
)
SELECT owner, id FROM page ORDER BY owner DESC, id DESC LIMIT 1
""")

books = sa.table("books", *map(sa.column, ["id", *FOLDED]))

log = structlog.get_logger()


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.add_column("books", sa.Column("search_text", CodePointText, nullable=False, server_default=""))
        _fill_sqlite(connection)
        op.drop_index("ix_books_owner_search", "books")
        op.create_index("ix_books_owner_search", "books", COLUMNS)
        return
    with _beside(connection) as other:
        _add_column(other)
        _index_trigrams(other)  # while there are none, so that nobody waits long; more are added as they come
        place = {"owner": "", "id": 0, "batch": BATCH}
        while last := other.execute(FILL, place).first():
            place |= {"owner": last.owner, "id": last.id}
        if place["id"]:
            other.exec_driver_sql("ANALYZE books (search_text)")


def _fill_sqlite(connection: Connection) -> None:
    """Fill the column, some rows at a time; readers see the table as it was."""
    page = sa.select(books).order_by(books.c.id).limit(BATCH)
    change = sa.text("UPDATE books SET search_text = :search_text WHERE id = :id")
    last = 0
    while rows := connection.execute(page.where(books.c.id > last)).all():
        last = rows[-1].id
        filled = [{"id": row.id, "search_text": search_form("\n".join(row[1:]))} for row in rows]
        connection.execute(change, filled)


@contextmanager
def _beside(connection: Connection) -> Iterator[Connection]:
    """Yield a connection on which each statement commits.

    A table that was made or changed by a migration before this one, in the same transaction, is in no use
    yet, and nobody else can see it: then it is the connection of the migrations.
    """
    arguments = {"connect_timeout": 10, "prepare_threshold": None}
    engine = create_engine(
        connection.engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments
    )
    with engine.connect() as other:
        version = None
        if other.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar():
            version = other.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        yield other if version == down_revision else connection


def _add_column(connection: Connection) -> None:
    """Add the column, by a lock that is waited for shortly each time: all others wait behind it."""
    typographic, plain = "".join(map(chr, QUOTES)), "".join(QUOTES.values()).replace("'", "''")
    statement = COLUMN.format(typographic=typographic, plain=plain, marks=_marks())
    for _ in range(ATTEMPTS - 1):
        try:
            connection.exec_driver_sql(statement)
        except OperationalError as error:
            if not isinstance(error.orig, errors.LockNotAvailable):
                raise
            time.sleep(0.5)
        else:
            return
    connection.exec_driver_sql(statement)


def _marks() -> str:
    """Return the marks (Mn) as the inside of a bracket expression."""
    marks = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Mn"]
    ranges = [
        [code for _, code in run] for _, run in groupby(enumerate(marks), lambda pair: pair[1] - pair[0])
    ]
    return "".join(rf"\U{run[0]:08x}-\U{run[-1]:08x}" for run in ranges)


def _index_trigrams(connection: Connection) -> None:
    """Make the index, or go on without it: then the search is right all the same, only slower."""
    is_autocommit = getattr(connection.connection.driver_connection, "autocommit", False)
    try:
        with nullcontext() if is_autocommit else connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            connection.exec_driver_sql(TRIGRAMS)
    except DBAPIError as error:
        if not isinstance(error.orig, WITHOUT):
            raise
        log.warning("no_search_index", reason=str(error.orig).strip())


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.drop_index("ix_books_owner_search", "books")
        op.drop_column("books", "search_text")
        op.create_index("ix_books_owner_search", "books", COLUMNS_BEFORE)
        return
    for trigger in ("new", "changed"):
        op.execute(f"DROP TRIGGER books_search_text_of_{trigger} ON books")
    op.drop_column("books", "search_text")
    op.execute("DROP FUNCTION books_fill_search_text(), books_search_text(text, text, text)")
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(TRIGRAMS_BEFORE)
    except DBAPIError as error:
        if not isinstance(error.orig, WITHOUT):
            raise
