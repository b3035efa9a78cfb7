"""The command `bookstore`, as `python -m bookstore_client`."""

from bookstore_client.cli import bookstore

bookstore(prog_name="bookstore")
