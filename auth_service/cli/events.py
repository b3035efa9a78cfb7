"""Owns the command that keeps the feed short: `flask --app auth_service events purge`."""

from datetime import UTC, datetime

import click
from flask import Flask

from auth_service import events
from auth_service.models import db
from common.cli import Commands

commands = Commands("events", help="Look after what other services are told.")


def init_app(app: Flask) -> None:
    """Add the commands to `app`."""
    app.cli.add_command(commands)


@commands.command("purge")
def purge_events() -> None:
    """Delete the ends of sessions that are older than 90 days; users' deletions are kept for good."""
    count, gone = 0, 1
    while gone:
        with db.write() as connection:
            gone = events.purge(connection, now=datetime.now(UTC))
        count += gone
    click.echo(f"{count} deleted")
