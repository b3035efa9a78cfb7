"""Owns the rules of a user: registration, the check of a password, and how users are found."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth_service import names
from auth_service.hashing import Hasher
from auth_service.models import User, db
from auth_service.sessions import USER_COLUMNS, LiveUser
from common.database import is_duplicate
from common.limits import Busy

_credentials = select(User.id, User.public_id, User.password_hash, User.disabled).where(
    User.folded_name == bindparam("folded_name")
)
_taken = select(User.id).where(User.folded_name == bindparam("folded_name"))
_by_public_id = select(*USER_COLUMNS).where(User.public_id == bindparam("public_id"))


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of name and password found; `refusal` is a word for the log, None if they are right."""

    id: int
    public_id: str
    password_hash: str = field(repr=False)
    refusal: str | None


class NameTaken(Exception):
    """Another user has this name, in whatever case."""


def is_taken(name: str) -> bool:
    """Tell whether somebody has this normalised name; only `add_user` can tell for sure that nobody has."""
    with db.read() as connection:
        return connection.execute(_taken, {"folded_name": names.fold(name)}).first() is not None


def add_user(name: str, password_hash: str, *, admin: bool, now: datetime) -> tuple[int, str]:
    """Insert a user of this normalised name; return its row id and `public_id`, or raise `NameTaken`.

    The insert itself decides a race, whatever was looked up before it.
    """
    row = {
        "public_id": str(uuid.uuid4()),
        "name": name,
        "folded_name": names.fold(name),
        "password_hash": password_hash,
        "admin": admin,
        "disabled": False,
        "created_at": now,
        "last_login_at": None,
    }
    try:
        user_id = db.session.execute(insert(User).returning(User.id), row).scalar_one()
    except IntegrityError as error:
        db.session.rollback()
        if not is_duplicate(error):
            raise
        raise NameTaken from error
    return user_id, str(row["public_id"])


def check_password(hasher: Hasher, name: str, password: str) -> Checked:
    """Return what became of this name and password.

    Takes the same time and work whether the name is unknown, the user disabled or the password wrong.
    No database connection is held while the password is hashed.
    """
    row = _find_credentials(name)
    if row is None:
        hasher.verify_dummy(password)
        return Checked(0, "", "", "unknown_name")
    user_id, public_id, password_hash, disabled = row
    refusal = None if hasher.verify(password_hash, password) else "wrong_password"
    if refusal is None and disabled:
        refusal = "disabled"
    return Checked(user_id, public_id, password_hash, refusal)


def stronger_hash(hasher: Hasher, user: Checked, password: str) -> str:
    """Return a hash of the right password by the parameters of today: the old one if none of them grew.

    A new one is worth no refusal, so if no core comes free it is the old one too.
    """
    if not hasher.needs_rehash(user.password_hash):
        return user.password_hash
    try:
        return hasher.hash(password)
    except Busy:
        return user.password_hash


def note_login(user: Checked, password_hash: str, *, now: datetime) -> bool:
    """Set `last_login_at` and the hash in the transaction; return False if the user was changed meanwhile."""
    statement = update(User).where(unchanged_since(user))
    statement = statement.values(last_login_at=now, password_hash=password_hash)
    return db.session.execute(statement.returning(User.id)).first() is not None


def lock_unchanged(user: Checked) -> int | None:
    """Lock a user whose password was found right; return its row id, or None if it was changed since."""
    found: int | None = db.session.scalar(select(User.id).where(unchanged_since(user)).with_for_update())
    return found


def unchanged_since(user: Checked) -> ColumnElement[bool]:
    """Return the condition that finds a user only as it was when its password was checked."""
    return and_(User.id == user.id, User.password_hash == user.password_hash, User.disabled.is_(False))


def _find_credentials(name: str) -> tuple[int, str, str, bool] | None:
    try:
        folded_name = names.fold(names.normalise(name))
    except names.InvalidName:
        folded_name = ""  # nobody's: the same statement runs for a name that cannot be
    with db.read() as connection:
        row = connection.execute(_credentials, {"folded_name": folded_name}).first()
    return row and (row.id, row.public_id, row.password_hash, row.disabled)


def find_user(public_id: str) -> LiveUser | None:
    """Return the user, disabled or not, or None."""
    with db.read() as connection:
        row = connection.execute(_by_public_id, {"public_id": public_id}).first()
    return LiveUser(*row) if row else None


def list_users(*, after: int, limit: int, name: str) -> list[LiveUser]:
    """Return up to `limit` users behind the row id `after` whose name begins with `name`, in any case."""
    statement = select(*USER_COLUMNS).where(User.id > after).order_by(User.id).limit(limit)
    if name:
        statement = statement.where(User.folded_name.startswith(names.fold(name), autoescape=True))
    with db.read() as connection:
        return [LiveUser(*row) for row in connection.execute(statement)]
