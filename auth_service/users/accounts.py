"""Users: how they are added and found, and the check of a password."""

import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth_service import names
from auth_service.models import USER_COLUMNS, User, UserRow, db
from auth_service.passwords.hashing import current_hasher
from common.db.engine import is_duplicate
from common.errors import DomainError, NotFound
from common.ops.limits import Busy

CREDENTIALS = select(User.id, User.public_id, User.password_hash, User.disabled).where(
    User.folded_name == bindparam("folded_name")
)
ONE = select(*USER_COLUMNS).where(User.public_id == bindparam("public_id"))
PAGE = select(*USER_COLUMNS).where(User.id > bindparam("after")).order_by(User.id).limit(bindparam("limit"))
PAGE_BY_NAME = PAGE.where(User.folded_name.startswith(bindparam("prefix"), escape="/"))
INSERT = insert(User).returning(*USER_COLUMNS)
# As it was when its password was checked.
_unchanged = and_(
    User.id == bindparam("user_id"), User.password_hash == bindparam("checked"), User.disabled.is_(False)
)
UPDATE_UNCHANGED = update(User).where(_unchanged).returning(User.id)

UserCredentials = Row[int, str, str, bool]  # of `CREDENTIALS`


class UserNotFound(NotFound):
    message = "user does not exist"


class WrongCredentials(DomainError):
    """Name and password do not belong together, or to a user who may log in."""

    status = 401
    code = "wrong-credentials"
    message = "could not verify"
    detail = "wrong name or password"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Basic realm="bookstore", charset="UTF-8"'}


class WrongPassword(DomainError):
    status = 403
    code = "wrong-password"
    message = "could not verify"
    detail = "wrong password"


class NameTaken(DomainError):
    status = 409
    code = "name-taken"
    message = "name is already taken"


def add_user(connection: Connection, name: str, password_hash: str, *, admin: bool) -> UserRow:
    """Insert a user of this normalised name and return it, or raise `NameTaken`.

    The insert itself decides a race, whatever was looked up before it.
    """
    row = {
        "public_id": str(uuid.uuid4()),
        "name": name,
        "folded_name": names.fold_name(name),
        "password_hash": password_hash,
        "admin": admin,
        "created_at": datetime.now(UTC),
    }
    try:
        return connection.execute(INSERT, row).one()
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise NameTaken from error


def check_password(name: str, password: str) -> tuple[UserCredentials | None, str]:
    """Return the user of this name, and why it may not log in, in a word for the log.

    Takes the same time and work whether the name is unknown, the user disabled or the password wrong.
    No database connection is held while the password is hashed.
    """
    hasher, user = current_hasher(), find_credentials(name)
    if user is None:
        hasher.verify_dummy(password)
        return None, "unknown_name"
    if not hasher.verify(user.password_hash, password):
        return user, "wrong_password"
    return user, "disabled" if user.disabled else ""


def stronger_hash(user: UserCredentials, password: str) -> str:
    """Return a hash of the right password by today's parameters, or the old one if none of them grew.

    It is the old one too if no core comes free: a stronger hash is no reason to refuse a login.
    """
    hasher, password_hash = current_hasher(), str(user.password_hash)
    with suppress(Busy):
        if hasher.needs_rehash(password_hash):
            return hasher.hash(password)
    return password_hash


def update_unchanged(connection: Connection, user: UserCredentials, **columns: object) -> bool:
    """Set these columns of a user whose password was found right; return False if it was changed since.

    The row stays locked until the transaction ends.
    """
    parameters = {"user_id": user.id, "checked": user.password_hash, **columns}
    return connection.execute(UPDATE_UNCHANGED, parameters).first() is not None


def find_credentials(name: str) -> UserCredentials | None:
    """Return the user of this name, in any case, with its hash, or None."""
    folded_name = names.fold_typed(name, otherwise="")  # nobody's, but the statement is the same
    with db.read() as connection:
        return connection.execute(CREDENTIALS, {"folded_name": folded_name}).first()


def find_user(public_id: str) -> UserRow | None:
    """Return the user, disabled or not, or None."""
    with db.read() as connection:
        return connection.execute(ONE, {"public_id": public_id}).first()


def get_user(public_id: str) -> UserRow:
    """Return the user, disabled or not, or raise `UserNotFound`."""
    user = find_user(public_id)
    if user is None:
        raise UserNotFound
    return user


def find_users(*, after: int, limit: int, name: str) -> Sequence[UserRow]:
    """Return up to `limit` users behind the row id `after` whose name begins with `name`, in any case."""
    prefix = re.sub("[/%_]", r"/\g<0>", names.fold_name(name))
    parameters = {"after": after, "limit": limit, "prefix": prefix}
    with db.read() as connection:
        return connection.execute(PAGE_BY_NAME if name else PAGE, parameters).all()
