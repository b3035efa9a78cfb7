"""The commands of an operator of a service with a follower: `follow` and `feed …`."""

from datetime import UTC, datetime

import click
from flask import Flask, current_app
from sqlalchemy import select

from common.cli import Commands
from common.db.engine import Database
from common.feed import events, follower
from common.feed.models import FeedState

feed_commands = Commands("feed", help="Show how far auth's feed is applied, or start it again.")


def init_app(app: Flask, data: events.UserData) -> None:
    """Let the service be started as a follower, which deletes `data` of deleted users."""
    app.extensions["user_data"] = data
    app.cli.add_command(follow)
    app.cli.add_command(feed_commands)


def database() -> Database:
    found: Database = current_app.extensions["sqlalchemy"]
    return found


@click.command("follow")
def follow() -> None:
    """Follow auth's feed until TERM; of several that run, one leads."""
    db = database()
    db.refuse_wrong_database()
    follower.run(current_app.extensions["settings"], db, current_app.extensions["user_data"])


@feed_commands.command("reset")
def reset_feed() -> None:
    """Start again with the first event that auth keeps; what was applied stays.

    The follower does so by itself once it notices that auth was restored from a backup.
    """
    with database().write() as connection:
        events.reset(connection)
    click.echo("done")


@feed_commands.command("show")
def show_feed() -> None:
    """Show how far the feed is applied."""
    with database().read() as connection:
        row = connection.execute(select(FeedState.__table__)).one()
    age = f"{(datetime.now(UTC) - row.heard_at).total_seconds():.1f} s ago" if row.heard_at else "never"
    click.echo(f"cursor {row.cursor} of epoch {row.epoch}, auth answered {age}")
    click.echo(f"applied: {row.sessions_ended} session.ended, {row.users_deleted} user.deleted")
