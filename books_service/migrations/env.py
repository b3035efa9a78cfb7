"""Runs the migrations of the books database; Alembic loads this file."""

from books_service.models import BooksBase
from books_service.settings import BooksSettings
from common.db.migrations import migrate

migrate(BooksBase.metadata, BooksSettings.read().database_url)
