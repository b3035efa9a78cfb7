"""`flask --app auth_service audit`."""

import json
import re
from datetime import UTC, datetime, timedelta

import click
from flask.cli import with_appcontext

from auth_service import audit
from common.cli import Command

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


@click.command("audit", cls=Command)
@click.option("--user", metavar="NAME", help="Only what concerns the users of this name, in whatever case.")
@click.option(
    "--since", type=Since(), default="90d", help="From when on: 2026-01-31T12:00:00Z, or 7d, 12h, 30m ago."
)
@with_appcontext
def show_audit(user: str | None, since: datetime) -> None:
    """List logins, failures, ends of sessions, changes of users and of keys, oldest first."""
    for entry in audit.entries(name=user, since=since):
        click.echo(line(entry))


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
