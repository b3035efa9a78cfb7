"""`flask --app auth_service keys …`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from auth_service import audit
from auth_service.cli import key_file
from auth_service.models import db
from common.db.connections import SchemaNotCurrent
from common.tokens.keys import BadKeys, parse, read_jwks

keys = AppGroup("keys", help="Make, list, rotate and retire the keys that sign tokens.")


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
    """Make the key file with one key; an existing file is kept."""
    if current_app.extensions["settings"].secret:
        click.echo("the key is JWT_SECRET, so no key file is made")
    else:
        with _key_file() as path:
            is_new = key_file.make_key_file(path)
            kid = parse(read_jwks(path)).signing.id
        if is_new and _has_database():  # as it has none at the very first start
            _record("key.made", kid)
        click.echo(f"{'made' if is_new else 'kept'} {path}")
    for password in passwords:
        click.echo(f"{'made' if _make_password(password) else 'kept'} {password}")


@keys.command("list")
def show_keys() -> None:
    """List the keys: kid, what it does, when it was made."""
    with _key_file() as path:
        jwks = read_jwks(path)
        parse(jwks)
    for jwk in jwks:
        made = key_file.time_of(jwk, "iat")
        made_at = "-" if made is None else datetime.fromtimestamp(made, UTC).isoformat()
        click.echo(f"{jwk['kid']}  {','.join(jwk['key_ops']):12}  {made_at}")


@keys.command("rotate")
def rotate_keys() -> None:
    """Let a new key sign; the old ones go on verifying."""
    with _key_file() as path:
        kid = key_file.rotate(path)
    click.echo(kid)
    _record("key.rotated", kid)


@keys.command("add")
def add_key() -> None:
    """Add a key that does not sign yet: rotate's first step, for copies of the file that are late."""
    with _key_file() as path:
        kid = key_file.add(path)
    click.echo(kid)
    _record("key.made", kid)


@keys.command("sign")
@click.argument("kid")
def sign_with_key(kid: str) -> None:
    """Let an added key sign, once every copy of the file has it: rotate's second step."""
    with _key_file() as path:
        key_file.sign(path, kid, late=key_file.LATE)
    _record("key.rotated", kid)


@keys.command("retire")
@click.argument("kid")
@click.option("--force", is_flag=True, help="Even though tokens of the key may still be alive.")
def retire_key(kid: str, force: bool) -> None:
    """Take an old key out, once every token that it signed is dead."""
    with _key_file() as path:
        key_file.retire(path, kid, force=force)
    _record("key.retired", kid)


@contextmanager
def _key_file() -> Iterator[Path]:
    """Lend the path of the key file; what is wrong with the file is one line."""
    settings = current_app.extensions["settings"]
    if settings.secret:
        raise click.ClickException("the key is JWT_SECRET, so there is no key file")
    with _errors_of(settings.keys_file):
        yield settings.keys_file


@contextmanager
def _errors_of(file: Path) -> Iterator[None]:
    try:
        yield
    except BadKeys as error:
        raise click.ClickException(f"{file}: {error}") from error
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be written: {error.strerror}") from error


def _make_password(path: Path) -> bool:
    with _errors_of(path):
        is_new = key_file.make_password_file(path)
        if path.stat().st_size == 0:
            raise click.ClickException(f"{path}: is empty")
    return is_new


def _has_database() -> bool:
    """Return False if SQLite's file has yet to be made, by `db upgrade`."""
    return not db.is_sqlite or Path(db.engine.url.database or "").exists()


def _record(event: str, kid: str) -> None:
    """Add an entry to the audit log, if there is a database: the keys have changed by now."""
    try:
        if not _has_database():
            raise SchemaNotCurrent
        with db.write() as connection:
            audit.record(connection, event, detail=kid)
    except (SQLAlchemyError, SchemaNotCurrent):
        click.echo("this is not in the audit log: the database cannot be written to", err=True)
