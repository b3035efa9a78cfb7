"""Those who try passwords: the rules of the throttle, called in auth's application context."""

import secrets
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import func, insert, select

from auth_service.models import PasswordAttempt, db
from auth_service.throttle import password_waits
from auth_service.throttle.attempts import Pair, key_of, pair_of
from auth_service.throttle.password_waits import Attempt
from auth_service.throttle.too_many import TooMany
from auth_service.views.authentication import network_of
from common.tokens.keys import Key, KeySet
from tests.people import new_name

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))


def key_set(*names: str) -> KeySet:
    """Return keys of these names, of which the first signs."""
    keys = {name: Key(name, (name * 32).encode()) for name in names}
    return KeySet(signing=keys[names[0]], verifying=MappingProxyType(keys))


KEYS = key_set("a", "b")


def new_address() -> str:
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


def new_network() -> str:
    return network_of(new_address())


@dataclass
class Guesser:
    """Somebody who tries the passwords of one name from one network, both new unless they are given."""

    name: str = field(default_factory=new_name)
    network: str = field(default_factory=new_network)

    def fail(self, *, at: datetime = NOW, times: int = 1) -> None:
        """Try a wrong password, or several at once; all have to be admitted."""
        with ExitStack() as running:
            admitted = [running.enter_context(self.attempt(at)) for _ in range(times)]
            with db.write() as connection:
                for attempt in admitted:
                    attempt.failed(connection, now=at)

    def succeed(self, *, at: datetime = NOW) -> None:
        """Try the right password; it has to be admitted."""
        with self.attempt(at) as attempt, db.write() as connection:
            attempt.succeeded(connection, now=at)

    def begin(self, *, at: datetime = NOW, times: int = 1) -> None:
        """Begin attempts whose process dies before they end."""
        for _ in range(times):
            password_waits._admit(Pair(key_of(self.name), self.network, ()), at)

    def repeat(self, password: str, *, at: datetime = NOW, keys: KeySet = KEYS) -> bool:
        """Try this wrong password, which has to be compared; return whether it counted."""
        with self.attempt(at, password, keys) as attempt, db.write() as connection:
            return attempt.failed(connection, now=at)

    def wait(self, password: str = "", *, at: datetime = NOW) -> int:
        """Try, which has to be refused; return the seconds after which one may try again."""
        with pytest.raises(TooMany) as raised:
            self.look(at, password)
        return raised.value.retry_after

    def look(self, at: datetime, password: str = "") -> None:
        """Try, and raise `TooMany` if nothing would be compared."""
        with self.attempt(at, password) as attempt:
            if attempt.full and not attempt.may_compare:
                raise attempt.full

    def attempt(
        self, at: datetime = NOW, password: str = "", keys: KeySet = KEYS
    ) -> AbstractContextManager[Attempt]:
        tried = password or secrets.token_hex()  # no repeat of any
        return password_waits.attempt(pair_of(self.name, self.network, password=tried, keys=keys), now=at)

    def attempts(self, **columns: object) -> int:
        """Return how many attempts of the name are kept."""
        of_name = select(func.count()).select_from(PasswordAttempt).filter_by(name_key=key_of(self.name))
        with db.read() as connection:
            return connection.execute(of_name.filter_by(**columns)).scalar_one()


def add_failures(*failures: tuple[str, str, datetime]) -> None:
    """Let there have been failures of these names, from these networks, at these times."""
    rows = [
        {"name_key": key_of(name), "network": network, "at": at, "failed": True}
        for name, network, at in failures
    ]
    with db.write() as connection:
        connection.execute(insert(PasswordAttempt), rows)


def fail_from_everywhere(name: str, *, times: int = 100, at: datetime = NOW) -> None:
    """Try wrong passwords, each from a network of its own."""
    add_failures(*((name, new_network(), at) for _ in range(times)))
