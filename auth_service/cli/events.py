"""`flask --app auth_service events …`."""

import click

from auth_service.events import purge
from auth_service.models import db
from common.cli import Commands

events = Commands("events", help="Look after the feed for other services.")


@events.command("purge")
def purge_events() -> None:
    """Delete the ends of sessions that are older than 90 days; deletions of users are kept for good."""
    count, gone = 0, 1
    while gone:
        with db.write() as connection:
            gone = purge(connection)
        count += gone
    click.echo(f"{count} deleted")
