"""Owns the table of books."""

import hashlib
import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.columns import RowId, UtcDateTime
from common.database import Database


class Base(DeclarativeBase):
    """The tables of the books database."""


db = Database(metadata=Base.metadata)


class Book(Base):
    """One book on the shelf of `owner`, the `public_id` of a verified token."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    owner: Mapped[str] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(Text)
    Author: Mapped[str] = mapped_column(Text)
    Publisher: Mapped[str] = mapped_column(Text)
    book_prize: Mapped[int | None] = mapped_column(Integer)
    title: Mapped[bytes] = mapped_column(LargeBinary)  # see title_of
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    # On PostgreSQL the two are the primary key instead: an index on `id` alone could be chosen for an owner
    # of few books, and then everybody's books are read (docs/design.md).
    __table_args__: tuple[Any, ...] = (
        Index("ix_books_owner_id", "owner", "id", info={"only": "sqlite"}),
        Index("uq_books_owner_title", "owner", "title", unique=True),
    )


def fold(text: str) -> str:
    """Return the form in which texts are compared: NFC, case-folded, and NFC again."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def title_of(name: str, author: str) -> bytes:
    """Return what is unique on a shelf: a digest of name and author in folded form.

    The texts themselves can be longer than PostgreSQL takes into an index row (2,704 bytes).
    """
    return hashlib.sha256(f"{fold(name)}\0{fold(author)}".encode()).digest()
