"""Deleting what a deleted user has: keys and books in batches, and the shelf itself."""

from sqlalchemy import Connection, bindparam, delete, select, text

from books_service.models import Book, IdempotencyKey, Shelf
from books_service.shelf.idempotency import purge_keys
from common.feed.events import UserData

BATCH = 500  # rows of a table that are found and deleted in one go
# An index has the order of what is deleted; to sort would be to read a shelf for each batch.
IN_ORDER = text("SELECT set_config('enable_sort', 'off', true)")
_owns_book = Book.owner == bindparam("owner")
FIND_BOOKS = select(Book.id).where(_owns_book).order_by(Book.id).limit(BATCH)
DELETE_BOOKS = delete(Book).where(_owns_book, Book.id.between(bindparam("first"), bindparam("last")))
_owns_key = IdempotencyKey.owner == bindparam("owner")
FIND_KEYS = select(IdempotencyKey.key).where(_owns_key).order_by(IdempotencyKey.key).limit(BATCH)
DELETE_KEY = delete(IdempotencyKey).where(_owns_key, IdempotencyKey.key == bindparam("key"))
DELETE_SHELF = delete(Shelf).where(Shelf.owner == bindparam("owner"))


def delete_batch(connection: Connection, owner: str, waits: bool) -> bool:
    """Delete a batch of the owner's keys and of their books; return whether there may be more.

    It looks first: a single statement (`IN (SELECT … LIMIT …)`) may look anew for each book of the owner.
    A request may hold the row of its key for seconds: if the follower does not wait, it leaves that key to
    the sweep.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(IN_ORDER)
    find_keys = FIND_KEYS if waits else FIND_KEYS.with_for_update(skip_locked=True)
    keys = connection.execute(find_keys, {"owner": owner}).scalars().all()
    if keys:
        connection.execute(DELETE_KEY, [{"owner": owner, "key": key} for key in keys])
    books = connection.execute(FIND_BOOKS, {"owner": owner}).scalars().all()
    if books:
        connection.execute(DELETE_BOOKS, {"owner": owner, "first": books[0], "last": books[-1]})
    return BATCH in (len(keys), len(books))


def delete_shelf(connection: Connection, owner: str) -> None:
    """Wait for what is being put on the shelf: it takes this row, so it has ended once the row is gone."""
    connection.execute(DELETE_SHELF, {"owner": owner})


USER_DATA = UserData(delete_batch, before_sweep=delete_shelf, purge=purge_keys)
