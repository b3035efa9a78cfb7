"""Commands of operators that need the database: its failure is one line, not a trace."""

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError

from common.db.connections import SchemaNotCurrent
from common.errors import DomainError


class Command(click.Command):
    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (DomainError, SchemaNotCurrent) as error:
            raise click.ClickException(str(error)) from error
        except OperationalError as error:
            raise click.ClickException("the database cannot be reached") from error


class Commands(AppGroup):
    command_class = Command
