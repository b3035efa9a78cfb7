"""`flask --app auth_service sessions …` and `… events …`."""

import click

from auth_service.events import purge as purge_some_events
from auth_service.models import db
from auth_service.sessions.purging import purge as purge_some_sessions
from common.cli import Commands

sessions = Commands("sessions", help="Look after the sessions of all users.")
events = Commands("events", help="Look after the feed for other services.")


@sessions.command("purge")
def purge_sessions() -> None:
    """Delete sessions that ended or expired more than a day ago; new sessions do it too, a few at a time."""
    count, purged = 0, (1, 0)
    while any(purged):
        with db.write() as connection:
            purged = purge_some_sessions(connection)
        count += purged[0]
    click.echo(f"{count} deleted")


@events.command("purge")
def purge_events() -> None:
    """Delete the ends of sessions that are older than 90 days; deletions of users are kept for good."""
    count, gone = 0, 1
    while gone:
        with db.write() as connection:
            gone = purge_some_events(connection)
        count += gone
    click.echo(f"{count} deleted")
