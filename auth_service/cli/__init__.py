"""The commands of an operator: `flask --app auth_service ...`."""

import click
from flask import Flask

from auth_service import events as feed
from auth_service.cli.audit import show_audit
from auth_service.cli.keys import keys
from auth_service.cli.users import users
from auth_service.models import db
from auth_service.sessions.ending import purge_old_sessions
from common.cli import Commands

sessions = Commands("sessions", help="Look after the sessions of all users.")
events = Commands("events", help="Look after the feed for other services.")


def init_app(app: Flask) -> None:
    for command in (users, sessions, keys, events, show_audit):
        app.cli.add_command(command)


@sessions.command("purge")
def purge_sessions() -> None:
    """Delete sessions that ended or expired more than a day ago; new sessions do it too, a few at a time."""
    count, purged = 0, 1
    while purged:
        with db.write() as connection:
            purged = purge_old_sessions(connection)
        count += purged
    click.echo(f"{count} deleted")


@events.command("purge")
def purge_events() -> None:
    """Delete the ends of sessions that are older than 90 days; deletions of users are kept for good."""
    count, gone = 0, 1
    while gone:
        with db.write() as connection:
            gone = feed.purge(connection)
        count += gone
    click.echo(f"{count} deleted")
