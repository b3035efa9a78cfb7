"""The commands of an operator: `flask --app auth_service ...`."""

from flask import Flask

from auth_service.cli.audit import show_audit
from auth_service.cli.keys import keys
from auth_service.cli.purging import events, sessions
from auth_service.cli.users import users


def init_app(app: Flask) -> None:
    """Add the commands to `app`."""
    for command in (users, sessions, keys, events, show_audit):
        app.cli.add_command(command)
