"""The commands of an operator: `flask --app books_service follow` and `… feed …`."""

from datetime import UTC, datetime

import click
from flask import Flask, current_app
from sqlalchemy import select

from books_service.feed import events, follower
from books_service.models import FeedState, db
from common.cli import Commands

feed_commands = Commands("feed", help="Show how far auth's feed is applied, or start it again.")


def init_app(app: Flask) -> None:
    app.cli.add_command(follow)
    app.cli.add_command(feed_commands)


@click.command("follow")
def follow() -> None:
    """Follow auth's feed until TERM; of several that run, one leads."""
    db.refuse_wrong_database()
    follower.run(current_app.extensions["settings"])


@feed_commands.command("reset")
def reset_feed() -> None:
    """Start again with the first event that auth keeps; what was applied stays."""
    with db.write() as connection:
        events.reset(connection)
    click.echo("done")


@feed_commands.command("show")
def show_feed() -> None:
    """Show how far the feed is applied."""
    with db.read() as connection:
        row = connection.execute(select(FeedState.__table__)).one()
    age = f"{(datetime.now(UTC) - row.heard_at).total_seconds():.1f} s ago" if row.heard_at else "never"
    click.echo(f"cursor {row.cursor}, auth answered {age}")
    click.echo(f"applied: {row.sessions_ended} session.ended, {row.users_deleted} user.deleted")
