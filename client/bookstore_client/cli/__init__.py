"""The command `bookstore`: its subcommands by what they are about."""

from bookstore_client.cli import account, books, files
from bookstore_client.cli.group import bookstore

for module in (account, books, files):
    for command in module.COMMANDS:
        bookstore.add_command(command)

__all__ = ["bookstore"]
