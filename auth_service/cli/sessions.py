"""`flask --app auth_service sessions …`."""

from datetime import UTC, datetime

import click

from auth_service.models import db
from auth_service.sessions.purging import Purged, purge
from common.cli import Commands

sessions = Commands("sessions", help="Look after the sessions of all users.")


@sessions.command("purge")
def purge_sessions() -> None:
    """Delete sessions that ended or expired more than a day ago; new sessions do it too, a few at a time."""
    count, purged = 0, Purged(1)
    while any(purged):
        with db.write() as connection:
            purged = purge(connection, now=datetime.now(UTC))
        count += purged.sessions
    click.echo(f"{count} deleted")
