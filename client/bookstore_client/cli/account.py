"""The commands of the user and its sessions."""

import sys

import click

from bookstore_client.cli import output
from bookstore_client.cli.group import bookstore, json_option, pass_store
from bookstore_client.client import Bookstore

SESSION = ("id", "current", "ip", "user_agent", "last_used_at", "expires_at")
USER = ("name", "public_id", "admin", "created_at", "last_login_at")


def read_password(*, confirm: bool = False) -> str:
    """Ask for a password at the terminal, or read the first line of a pipe."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm))
    if not (line := sys.stdin.readline()):
        raise click.UsageError("there is no password: type it at a terminal, or pipe it")
    return line.rstrip("\r\n")


@bookstore.command()
@click.argument("name")
@pass_store
def register(store: Bookstore, name: str) -> None:
    """Make a user, and log in.

    The password is asked for, or read from a pipe.
    """
    store.register(name, read_password(confirm=True))
    click.echo(f"Registered and logged in as {output.escape(name)}.", err=True)


@bookstore.command()
@click.argument("name")
@pass_store
def login(store: Bookstore, name: str) -> None:
    """Log in.

    The password is asked for, or read from a pipe. The tokens stay on this machine.
    """
    store.login(name, read_password())
    click.echo(f"Logged in as {output.escape(name)}.", err=True)


@bookstore.command()
@pass_store
def logout(store: Bookstore) -> None:
    """Log out."""
    store.logout()
    click.echo("Logged out.", err=True)


@bookstore.command()
@json_option
@pass_store
def whoami(store: Bookstore, as_json: bool) -> None:
    """Show who is logged in."""
    output.print_rows([store.me()], USER, as_json=as_json)


@bookstore.command()
@click.option("--end", metavar="ID", help="End this session first.")
@json_option
@pass_store
def sessions(store: Bookstore, end: str | None, as_json: bool) -> None:
    """Show where you are logged in."""
    if end:
        store.end_session(end)
    output.print_rows(store.sessions(), SESSION, as_json=as_json)
