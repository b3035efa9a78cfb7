"""A client of the bookstore: it logs in, refreshes its tokens, and repeats what got lost on the way."""

from bookstore_client.client import Bookstore
from bookstore_client.errors import BookstoreError, NotLoggedIn, Problem, Unreachable
from bookstore_client.models import Book, ImportResult, Session, User
from bookstore_client.tokens import FileStore, KeyringStore, MemoryStore, Tokens, TokenStore

__all__ = [
    "Book",
    "Bookstore",
    "BookstoreError",
    "FileStore",
    "ImportResult",
    "KeyringStore",
    "MemoryStore",
    "NotLoggedIn",
    "Problem",
    "Session",
    "TokenStore",
    "Tokens",
    "Unreachable",
    "User",
]
