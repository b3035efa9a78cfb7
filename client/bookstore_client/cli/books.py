"""The commands of single books, and of the list."""

from typing import Any

import click

from bookstore_client.cli import output
from bookstore_client.cli.group import bookstore, json_option, pass_store
from bookstore_client.client import Bookstore
from bookstore_client.models import MEMBERS

COLUMNS = ("id", *MEMBERS)
SORTS = [sign + name for name in ("id", "name", "author", "prize", "created_at") for sign in ("", "-")]


@bookstore.command("list")
@click.argument("words", nargs=-1)
@click.option("--sort", type=click.Choice(SORTS), default="id", help="With a minus in descending order.")
@click.option("--name", default="", help="The whole name, in any case.")
@click.option("--author", default="", help="The whole author, in any case.")
@click.option("--publisher", default="", help="The whole publisher, in any case.")
@json_option
@pass_store
def list_books(store: Bookstore, /, words: tuple[str, ...], as_json: bool, **options: str) -> None:
    """List the shelf, or the books that have all WORDS.

    It is a table on a terminal, and a line with tabs for each book in a pipe.
    """
    output.print_rows(store.books(" ".join(words), **options), COLUMNS, as_json=as_json)


@bookstore.command()
@click.argument("name")
@click.option("--author", required=True)
@click.option("--publisher", required=True)
@click.option("--prize", type=int)
@json_option
@pass_store
def add(store: Bookstore, /, as_json: bool, **members: Any) -> None:
    """Put a book on the shelf."""
    output.print_rows([store.add(**members)], COLUMNS, as_json=as_json)


@bookstore.command()
@click.argument("book_id", metavar="ID", type=int)
@json_option
@pass_store
def show(store: Bookstore, book_id: int, as_json: bool) -> None:
    """Show one book."""
    output.print_rows([store.book(book_id)], COLUMNS, as_json=as_json)


@bookstore.command()
@click.argument("book_id", metavar="ID", type=int)
@click.option("--name")
@click.option("--author")
@click.option("--publisher")
@click.option("--prize", type=int)
@click.option("--no-prize", is_flag=True, help="Take the prize away.")
@json_option
@pass_store
def edit(store: Bookstore, /, book_id: int, no_prize: bool, as_json: bool, **given: Any) -> None:
    """Change one book."""
    changes = {name: value for name, value in given.items() if value is not None}
    if no_prize:
        changes["prize"] = None
    if not changes:
        raise click.UsageError("say what to change, such as --name")
    output.print_rows([store.change(store.book(book_id), **changes)], COLUMNS, as_json=as_json)


@bookstore.command()
@click.argument("book_id", metavar="ID", type=int)
@pass_store
def remove(store: Bookstore, book_id: int) -> None:
    """Take one book off the shelf."""
    store.remove(store.book(book_id))
    click.echo(f"Removed book {book_id}.", err=True)
