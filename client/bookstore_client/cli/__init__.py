"""The command `bookstore`: its subcommands by what they are about."""

from bookstore_client.cli import account, books, files
from bookstore_client.cli.group import bookstore

__all__ = ["account", "books", "bookstore", "files"]
