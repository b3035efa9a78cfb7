"""`flask --app auth_service sessions …`."""

import click

from auth_service.models import db
from auth_service.sessions.purging import purge
from common.cli import Commands

sessions = Commands("sessions", help="Look after the sessions of all users.")


@sessions.command("purge")
def purge_sessions() -> None:
    """Delete sessions that ended or expired more than a day ago; new sessions do it too, a few at a time."""
    count, purged = 0, (1, 0)
    while any(purged):
        with db.write() as connection:
            purged = purge(connection)
        count += purged[0]
    click.echo(f"{count} deleted")
