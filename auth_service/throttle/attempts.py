"""The rows behind the throttle: attempts of passwords, and the networks that people logged in from."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, exists, func, insert, or_, select, true, update
from sqlalchemy.dialects import postgresql

from auth_service import names
from auth_service.models import KnownNetwork, PasswordAttempt
from auth_service.retention import delete_old
from common.tokens.keys import KeySet

IN_A_ROW = timedelta(days=1)  # failures further apart are not in a row, and are forgotten
KNOWN_FOR = timedelta(days=30)  # after a login
ABANDONED_AFTER = timedelta(seconds=30)  # its process died, and it counts as a failure
SAME_PASSWORD = timedelta(minutes=15)  # in which a wrong password counts once
PURGE_BATCH = 20  # rows; each attempt makes one


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and a network, and the digests of the password that is tried, the first to be stored."""

    name_key: bytes
    network: str
    digests: Sequence[bytes]

    @property
    def name_lock(self) -> str:
        return f"attempts of {self.name_key.hex()}"

    def apart(self) -> "Pair":
        """Return what counts attempts of the pair in a full network, and nothing else.

        Of a name that is not known there none is compared, so any other count would tell who is known.
        """
        apart = [hashlib.sha256(b"full" + each).digest() for each in (self.name_key, *self.digests)]
        return Pair(apart[0], f"full {self.network}", apart[1:])


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The attempts so far; failures include those that were abandoned."""

    failures: int = 0  # in a row, of the name from the network
    last_failure: datetime | None = None
    under_way: int = 0
    repeats: int = 0  # of wrong passwords, which do not count as failures
    same_repeats: int = 0  # of this password alone
    same_since: datetime | None = None
    name_under_way: int = 0  # from networks that are not known for the name
    name_attempts: int = 0  # failed and under way in the last hour, from networks that are not known
    name_oldest: datetime | None = None
    network_attempts: int = 0  # the same from the network, whatever the name
    network_oldest: datetime | None = None
    is_known: bool = False  # the network, for the name
    tried_at: datetime | None = None  # then, while the network was past its limit


_failed = or_(PasswordAttempt.failed, PasswordAttempt.at <= bindparam("abandoned_before"))
_under_way = and_(PasswordAttempt.failed.is_(False), PasswordAttempt.at > bindparam("abandoned_before"))
_of_name = PasswordAttempt.name_key == bindparam("name_key")
_of_network = PasswordAttempt.network == bindparam("network")
_same_password = PasswordAttempt.digest.in_(bindparam("digests", expanding=True))
_lately = PasswordAttempt.at > bindparam("lately")
# What is later was written before the clock was set back: nobody has to wait for that time to come.
_not_later = PasswordAttempt.at <= bindparam("soon")
_in_the_hour = and_(PasswordAttempt.at > bindparam("hour_ago"), _not_later)
_in_the_month = KnownNetwork.last_login_at > bindparam("month_ago")

_pair = select(
    func.count().filter(_failed).label("failures"),
    func.max(PasswordAttempt.at).filter(_failed).label("last_failure"),
    func.count().filter(_under_way).label("under_way"),
    func.coalesce(func.sum(PasswordAttempt.repeats).filter(_lately), 0).label("repeats"),
    func.coalesce(func.max(PasswordAttempt.repeats).filter(_lately, _same_password), 0).label("same_repeats"),
    func.max(PasswordAttempt.at).filter(_lately, _same_password).label("same_since"),
).where(_of_name, _of_network, PasswordAttempt.at > bindparam("day_ago"), _not_later)
_from_unknown = ~exists().where(
    KnownNetwork.name_key == PasswordAttempt.name_key,
    KnownNetwork.network == PasswordAttempt.network,
    _in_the_month,
)
_name = select(
    func.count().filter(_under_way).label("name_under_way"),
    func.count().label("name_attempts"),
    func.min(PasswordAttempt.at).label("name_oldest"),
).where(_of_name, _in_the_hour, _from_unknown)
_network = select(
    func.count().label("network_attempts"), func.min(PasswordAttempt.at).label("network_oldest")
).where(_of_network, _in_the_hour)
_known_for_name = KnownNetwork.name_key == bindparam("name_key")
_known = select(
    (func.count() > 0).label("is_known"), func.max(KnownNetwork.tried_at).label("tried_at")
).where(_known_for_name, KnownNetwork.network == bindparam("network"), _in_the_month)
_parts = [each.subquery() for each in (_pair, _name, _network, _known)]
COUNT = select(*_parts).select_from(
    _parts[0].join(_parts[1], true()).join(_parts[2], true()).join(_parts[3], true())
)
INSERT = insert(PasswordAttempt).returning(PasswordAttempt.id)
_this = PasswordAttempt.id == bindparam("attempt_id")
MARK_FAILED = (
    update(PasswordAttempt)
    .where(_this)
    .values(failed=True, at=bindparam("now"), digest=bindparam("wrong_password"))
)
REPEAT = (  # the digest is of name and network too
    update(PasswordAttempt)
    .where(_same_password, _lately, _not_later)
    .values(repeats=PasswordAttempt.repeats + 1)
    .returning(PasswordAttempt.id)
)
_old_digests = (
    select(PasswordAttempt.id)
    .where(PasswordAttempt.digest.is_not(None), ~and_(_lately, _not_later))
    .limit(PURGE_BATCH)
    .with_for_update(skip_locked=True)
)
FORGET_PASSWORDS = update(PasswordAttempt).where(PasswordAttempt.id.in_(_old_digests)).values(digest=None)
DELETE = delete(PasswordAttempt).where(_this)
# The attempt and every failure of the pair; what else is under way stays.
CLEAR = delete(PasswordAttempt).where(_of_name, _of_network, or_(_this, _failed))
DELETE_OLD = delete_old(PasswordAttempt.id, PasswordAttempt.at, limit=PURGE_BATCH)

_login = postgresql.insert(KnownNetwork)  # the same words on SQLite
KNOW = _login.on_conflict_do_update(
    index_elements=[KnownNetwork.name_key, KnownNetwork.network],
    set_={"last_login_at": _login.excluded.last_login_at},
)
_of_pair = (KnownNetwork.name_key == bindparam("of_name"), KnownNetwork.network == bindparam("of_network"))
MARK_TRIED = update(KnownNetwork).where(*_of_pair).values(tried_at=bindparam("now"))
# When the user is deleted: another user may take the name one day.
FORGET_NETWORKS = delete(KnownNetwork).where(_known_for_name)
DELETE_OLD_NETWORKS = delete_old(KnownNetwork.id, KnownNetwork.last_login_at, limit=PURGE_BATCH)


def key_of(name: str) -> bytes:
    """Return the digest that stands for a name, in any case; an invalid name has one too."""
    folded = names.fold_typed(name, otherwise=f"\0{name}")  # no name begins like this
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()


def pair_of(name: str, network: str, *, password: str, keys: KeySet) -> Pair:
    """Return the pair, with keyed digests of the password, the one of today's key first.

    One for each key that verifies, so that a rotation makes no password a new one; without the keys the
    database reveals nothing of it.
    """
    name_key = key_of(name)
    text = b"\0".join([b"attempt", name_key, f"{network}\0{password}".encode("utf-8", "surrogatepass")])
    verifying = keys.verifying.values()
    digests = [hmac.digest(key.secret, text, "sha256") for key in (keys.signing, *verifying)]
    return Pair(name_key, network, digests)
