"""The tables of books and of shelves."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.db.columns import CodePointText, RowId, UtcDateTime
from common.db.engine import Database
from common.feed.models import add_feed_tables


class BooksBase(DeclarativeBase):
    """The tables of the books database."""


db = Database(metadata=BooksBase.metadata)


class Book(BooksBase):
    """One book on the shelf of `owner`, the `public_id` of a verified token."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    owner: Mapped[str] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(Text)
    Author: Mapped[str] = mapped_column(Text)
    Publisher: Mapped[str] = mapped_column(Text)
    book_prize: Mapped[int | None] = mapped_column(Integer)
    folded_name: Mapped[str] = mapped_column(CodePointText)  # see shelf/put.py
    folded_author: Mapped[str] = mapped_column(CodePointText)
    folded_publisher: Mapped[str] = mapped_column(CodePointText)
    search_text: Mapped[str] = mapped_column(CodePointText, server_default="")  # of all three
    title: Mapped[bytes] = mapped_column(LargeBinary)  # a digest of name and author, unique on a shelf
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    # On PostgreSQL owner and id are the primary key: an index on `id` alone could be chosen for an owner of
    # few books, and then everybody's books are read (docs/design.md). SQLite searches a shelf in the first
    # index alone, so it holds all that a book is found and sorted by. PostgreSQL searches in one of trigrams,
    # which a server without that extension lacks.
    __table_args__: tuple[Any, ...] = (
        Index(
            "ix_books_owner_search",
            "owner",
            "id",
            "search_text",
            "folded_name",
            "folded_author",
            "folded_publisher",
            "book_prize",
            "created_at",
            info={"only": "sqlite"},
        ),
        Index("ix_books_search_text", "search_text", postgresql_using="gin", info={"only": "postgresql"}),
        Index("uq_books_owner_title", "owner", "title", unique=True),
        Index("ix_books_owner_name", "owner", "folded_name", "id"),
        Index("ix_books_owner_author", "owner", "folded_author", "id"),
        Index("ix_books_owner_prize", "owner", "book_prize", "id"),
        Index("ix_books_owner_created", "owner", "created_at", "id"),
    )


class Shelf(BooksBase):
    """How many books an owner has; a change of their number holds this row, so that it is right."""

    __tablename__ = "shelves"

    owner: Mapped[str] = mapped_column(String(36), primary_key=True)
    books: Mapped[int] = mapped_column(Integer)


class IdempotencyKey(BooksBase):
    """A key that an owner has sent with a request that was served, and the answer it got."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(CodePointText, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)  # of what was sent
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    __table_args__: tuple[Any, ...] = (Index("ix_idempotency_keys_owner", "owner", "made_at"),)


add_feed_tables(BooksBase.metadata)
