"""Owns the command that lists the audit log: `flask --app auth_service audit`."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from auth_service import audit, names
from auth_service.models import db
from common.cli import Command
from common.db.connections import SchemaNotCurrent

AGO = re.compile(r"([0-9]{1,5})([dhm])")
UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class Since(click.ParamType[datetime]):
    """A time: RFC 3339, a date, or how long ago (7d, 12h, 30m)."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> datetime:
        ago = AGO.fullmatch(value)
        if ago:
            return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            self.fail("write it as 2026-01-31, 2026-01-31T12:00:00Z, 7d, 12h or 30m", param, context)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


def init_app(app: Flask) -> None:
    """Add the command to `app`."""
    app.cli.add_command(show_audit)


@click.command("audit", cls=Command)
@click.option("--user", metavar="NAME", help="Only what concerns the users of this name, in whatever case.")
@click.option(
    "--since", type=Since(), default="90d", help="From when on: 2026-01-31T12:00:00Z, or 7d, 12h, 30m ago."
)
@with_appcontext
def show_audit(user: str | None, since: datetime) -> None:
    """List logins, failures, ends of sessions, changes of users and of keys, oldest first."""
    try:
        for entry in audit.entries(name=user, since=since):
            click.echo(line(entry))
    except names.InvalidName as error:
        raise click.ClickException(error.detail) from error


def record_key(event: str, kid: str) -> None:
    """Record a change of the keys, which is made by now: without a database it stands without an entry."""
    try:
        _require_file()
        with db.write() as connection:
            audit.record(connection, event, now=datetime.now(UTC), detail=kid)
    except (SQLAlchemyError, SchemaNotCurrent):
        click.echo("this is not in the audit log: the database cannot be written to", err=True)


def _require_file() -> None:
    """Leave it to `db upgrade` to make the file of SQLite."""
    url = db.engine.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise SchemaNotCurrent


def line(entry: audit.Entry) -> str:
    """Return an entry as one line: time in UTC, what happened, and `key=value` for what is known."""
    parts = {
        "user": json.dumps(entry.name, ensure_ascii=False) if entry.name else None,
        "public_id": entry.public_id,
        "ip": entry.ip,
        "session": entry.session_id,
        "detail": json.dumps(entry.detail) if entry.detail else None,
    }
    known = [f"{key}={value}" for key, value in parts.items() if value]
    return " ".join([f"{entry.at:%Y-%m-%dT%H:%M:%SZ}", entry.event, *known])
