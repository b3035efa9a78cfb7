"""Owns what an operator's commands have in common: a failure of the database is one line, not a trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError

from common.db.connections import SchemaNotCurrent


@contextmanager
def failures_in_one_line() -> Iterator[None]:
    """Say in one line why the database does not serve a command."""
    try:
        yield
    except SchemaNotCurrent as error:
        raise click.ClickException("the schema is not current; `db upgrade` makes it so") from error
    except OperationalError as error:
        raise click.ClickException("the database cannot be reached") from error


class Commands(AppGroup):
    """Commands that need the database."""

    def invoke(self, context: click.Context) -> object:
        with failures_in_one_line():
            return super().invoke(context)


class Command(click.Command):
    """A command of its own that needs the database."""

    def invoke(self, context: click.Context) -> object:
        with failures_in_one_line():
            return super().invoke(context)
