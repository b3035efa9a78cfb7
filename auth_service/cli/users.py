"""`flask --app auth_service users …`."""

import sys

import click
from flask import current_app

from auth_service import audit, names
from auth_service.passwords.hashing import current_hasher
from auth_service.passwords.policy import complaint
from auth_service.users.accounts import UserCredentials, find_credentials, find_users
from auth_service.users.changes import erase_user, make_user, update_user
from common.cli import Commands

PAGE = 500  # users read at a time

users = Commands("users", help="Make, list, change and delete users.")

password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, instead of asking."
)


@users.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make the user an admin.")
@password_stdin
def create_user(name: str, admin: bool, password_stdin: bool) -> None:
    """Make a user."""
    normal = names.normalise(name)
    password_hash = _hash(normal, password_stdin)
    click.echo(make_user(normal, password_hash, admin=admin, by=audit.OPERATOR).public_id)


@users.command("list")
def show_users() -> None:
    """List the users: public id, roles and name."""
    after = 0
    while page := find_users(after=after, limit=PAGE, name=""):
        for user in page:
            roles = [role for role in ("admin", "disabled") if getattr(user, role)]
            click.echo(f"{user.public_id}  {','.join(roles) or '-':14}  {user.name}")
        after = page[-1].id


def add_change(command: str, description: str, **changes: bool) -> None:
    @users.command(command, help=description)
    @click.argument("name")
    def change(name: str) -> None:
        _change_by_name(name, **changes)


add_change("promote", "Make a user an admin.", admin=True)
add_change("demote", "Make an admin an ordinary user.", admin=False)
add_change("disable", "Log a user out everywhere and refuse further logins.", disabled=True)
add_change("enable", "Let a disabled user log in again.", disabled=False)


@users.command("delete")
@click.argument("name")
@click.confirmation_option(prompt="Delete the user and all of their data?")
def delete_by_name(name: str) -> None:
    """Delete a user with everything there is of it, here and in the services that hear of it."""
    erase_user(_find(name).public_id, by=audit.OPERATOR)
    click.echo("done")


@users.command("set-password")
@click.argument("name")
@password_stdin
def set_password(name: str, password_stdin: bool) -> None:
    """Give a user another password and log it out everywhere."""
    _change_by_name(name, password_hash=_hash(name, password_stdin))


def _hash(name: str, from_stdin: bool) -> str:
    password = (
        _read_line() if from_stdin else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    min_length = current_app.extensions["settings"].password_min_length
    if detail := complaint(password, name=name, min_length=min_length):
        raise click.ClickException(detail)
    return current_hasher().hash(password)


def _read_line() -> str:
    """Return the one line of standard input, without what Windows puts around it."""
    line, _, more = sys.stdin.read().removeprefix("\ufeff").partition("\n")
    if more:
        raise click.ClickException("standard input has more than one line")
    return line.removesuffix("\r")


def _change_by_name(name: str, **changes: object) -> None:
    update_user(_find(name).public_id, changes, by=audit.OPERATOR)
    click.echo("done")


def _find(name: str) -> UserCredentials:
    user = find_credentials(name)
    if user is None:
        raise click.ClickException("there is no user of this name")
    return user
