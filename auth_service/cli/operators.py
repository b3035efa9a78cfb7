"""Owns the commands of an operator: `flask --app auth_service users …`, `… sessions …` and `… keys …`."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from auth_service import audit, names
from auth_service.cli import key_file
from auth_service.cli.audit import record_key
from auth_service.models import db
from auth_service.passwords.policy import complaint
from auth_service.sessions.purging import Purged, purge
from auth_service.settings import AuthSettings
from auth_service.users.accounts import NameTaken, add_user, find_public_id, list_users
from auth_service.users.changes import change_user
from auth_service.users.rights import LastAdmin
from common.cli import Commands
from common.tokens.keys import BadKeys, parse, read_jwks

PAGE = 500  # users read at a time

T = TypeVar("T")


users = Commands("users", help="Make, list and change users.")
sessions = Commands("sessions", help="Look after the sessions of all users.")
keys = AppGroup("keys", help="Make, list, rotate and retire the keys that sign tokens.")

password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, instead of asking."
)


def init_app(app: Flask) -> None:
    """Add the commands to `app`."""
    app.cli.add_command(users)
    app.cli.add_command(sessions)
    app.cli.add_command(keys)


@users.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make the user an admin.")
@password_stdin
def create_user(name: str, admin: bool, password_stdin: bool) -> None:
    """Make a user."""
    normal = _normal_name(name)
    password_hash, now = _hash(normal, password_stdin), datetime.now(UTC)
    try:
        with db.write() as connection:
            _, public_id = add_user(connection, normal, password_hash, admin=admin, now=now)
            detail = str(audit.OPERATOR)
            audit.record(connection, audit.USER_MADE, now=now, public_id=public_id, detail=detail)
    except NameTaken as error:
        raise click.ClickException("name is already taken") from error
    click.echo(public_id)


@users.command("list")
def show_users() -> None:
    """List the users: public id, roles and name."""
    after = 0
    while page := list_users(after=after, limit=PAGE, name=""):
        for user in page:
            roles = [role for role in ("admin", "disabled") if getattr(user, role)]
            click.echo(f"{user.public_id}  {','.join(roles) or '-':14}  {user.name}")
        after = page[-1].id


@users.command("promote")
@click.argument("name")
def promote_user(name: str) -> None:
    """Make a user an admin."""
    _change(name, admin=True)


@users.command("demote")
@click.argument("name")
def demote_user(name: str) -> None:
    """Make an admin an ordinary user."""
    _change(name, admin=False)


@users.command("disable")
@click.argument("name")
def disable_user(name: str) -> None:
    """Log a user out everywhere and refuse further logins."""
    _change(name, disabled=True)


@users.command("enable")
@click.argument("name")
def enable_user(name: str) -> None:
    """Let a disabled user log in again."""
    _change(name, disabled=False)


@users.command("set-password")
@click.argument("name")
@password_stdin
def set_password(name: str, password_stdin: bool) -> None:
    """Give a user another password and log it out everywhere."""
    _change(name, password_hash=_hash(_normal_name(name), password_stdin))


@sessions.command("purge")
def purge_sessions() -> None:
    """Delete sessions that ended or expired more than a day ago; new sessions do it too, a few at a time."""
    count, purged = 0, Purged(1)
    while any(purged):
        with db.write() as connection:
            purged = purge(connection, now=datetime.now(UTC))
        count += purged.sessions
    click.echo(f"{count} deleted")


@keys.command("init")
@click.option(
    "--password",
    "passwords",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also make this file with a random password, for a database; can be repeated.",
)
def make_keys(passwords: tuple[Path, ...]) -> None:
    """Make the key file with one key; a file that is there is kept."""
    path = _settings().keys_file
    if _settings().secret:
        click.echo("the key is JWT_SECRET, so no key file is made")
    else:
        made = _keys(lambda: key_file.make(path))
        key_set = _keys(lambda: parse(read_jwks(path)))
        if made:
            record_key(audit.KEY_MADE, key_set.signing.id)
        click.echo(f"{'made' if made else 'kept'} {path}")
    for password in passwords:
        click.echo(f"{'made' if _make_password(password) else 'kept'} {password}")


@keys.command("list")
def show_keys() -> None:
    """List the keys: kid, what it does, when it was made."""
    for jwk in _keys(_read_keys):
        made = key_file.time_of(jwk, "iat")
        made_at = "-" if made is None else datetime.fromtimestamp(made, UTC).isoformat()
        click.echo(f"{jwk['kid']}  {','.join(jwk['key_ops']):12}  {made_at}")


@keys.command("rotate")
def rotate_keys() -> None:
    """Let a new key sign; the old ones go on verifying."""
    kid = _keys(lambda: key_file.rotate(_settings().keys_file))
    click.echo(kid)
    record_key(audit.KEY_ROTATED, kid)


@keys.command("retire")
@click.argument("kid")
@click.option("--force", is_flag=True, help="Even though tokens of the key may still be alive.")
def retire_key(kid: str, force: bool) -> None:
    """Take an old key out, once every token that it signed is dead."""
    try:
        _keys(lambda: key_file.retire(_settings().keys_file, kid, force=force))
    except key_file.NotYet as error:
        raise click.ClickException(
            f"tokens of this key may live for {error.seconds} s more; --force retires it all the same"
        ) from error
    record_key(audit.KEY_RETIRED, kid)


def _read_keys() -> list[key_file.Jwk]:
    jwks = read_jwks(_settings().keys_file)
    parse(jwks)
    return jwks


def _settings() -> AuthSettings:
    settings: AuthSettings = current_app.extensions["settings"]
    return settings


def _make_password(path: Path) -> bool:
    try:
        made = key_file.make_password(path)
        empty = path.stat().st_size == 0
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written: {error.strerror}") from error
    if empty:
        raise click.ClickException(f"{path}: is empty")
    return made


def _keys(action: Callable[[], T]) -> T:
    if _settings().secret:
        raise click.ClickException("the key is JWT_SECRET, so there is no key file")
    try:
        return action()
    except BadKeys as error:
        raise click.ClickException(f"JWT_KEYS_FILE: {error}") from error
    except OSError as error:
        raise click.ClickException(f"JWT_KEYS_FILE: cannot be written: {error.strerror}") from error


def _normal_name(name: str) -> str:
    try:
        return names.normalise(name)
    except names.InvalidName as error:
        raise click.ClickException(error.detail) from error


def _hash(name: str, from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    detail = complaint(password, name=name, min_length=_settings().password_min_length)
    if detail:
        raise click.ClickException(detail)
    return str(current_app.extensions["hasher"].hash(password))


def _change(name: str, **changes: object) -> None:
    public_id, now = find_public_id(_normal_name(name)), datetime.now(UTC)
    try:
        user = public_id and change_user(public_id, changes, by=audit.OPERATOR, now=now)
    except LastAdmin as error:
        raise click.ClickException(str(error)) from error
    if user is None:
        raise click.ClickException("there is no user of this name")
    click.echo("done")
