"""The commands that read and write files."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import click

from bookstore_client.cli import output
from bookstore_client.cli.group import bookstore, json_option, pass_store
from bookstore_client.client import Bookstore
from bookstore_client.models import MEDIA_TYPES, Kind

format_option = click.option(
    "--format", "kind", type=click.Choice(list(MEDIA_TYPES)), help="By the end of the name, else csv."
)


def kind_of(name: str, kind: Kind | None) -> Kind:
    """Return the format of a file, by its name unless it is given."""
    return kind or ("ndjson" if name.endswith((".ndjson", ".jsonl")) else "csv")


@bookstore.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@format_option
@json_option
@pass_store
def import_file(store: Bookstore, file: str, dry_run: bool, kind: Kind | None, as_json: bool) -> None:
    """Put all books of FILE on the shelf, or none.

    Books that are there already are skipped. - reads from a pipe.
    """
    with click.open_file(file, "rb") as opened, output.progress() as shown:
        content: BinaryIO = cast("BinaryIO", opened) if Path(file).is_file() else BytesIO(opened.read())
        counted = shown.wrap_file(content, content.seek(0, os.SEEK_END), description="Importing")
        result = store.import_books(counted, kind_of(file, kind), dry_run=dry_run)
    output.print_rows([result], ("created", "skipped"), as_json=as_json)


@bookstore.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@format_option
@pass_store
def export_file(store: Bookstore, file: str, kind: Kind | None) -> None:
    """Write the shelf to FILE.

    The file is complete or not touched. - writes to the terminal or a pipe.
    """
    pieces = store.export_books(kind_of(file, kind))
    with replaced(file) as written, output.progress() as shown:
        task = shown.add_task("Exporting", total=None)
        for piece in pieces:
            written.write(piece)
            shown.advance(task, len(piece))


@contextmanager
def replaced(name: str) -> Iterator[BinaryIO]:
    """Yield a file beside the one of this name, which takes its place if all goes well."""
    path = Path(name).resolve()
    if name == "-" or (path.exists() and not path.is_file()):  # /dev/null, or a named pipe
        with click.open_file(name, "wb") as file:
            yield cast("BinaryIO", file)
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("xb") as file:
            if path.exists():
                shutil.copymode(path, unfinished)  # what is private stays so
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
