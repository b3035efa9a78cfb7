"""The throttle as a client meets it: 429, on every route that compares a password, whoever answers."""

import time
from collections import Counter
from collections.abc import Callable

import pytest
import requests
from sqlalchemy import func, select

from auth_service.audit import LOGIN_FAILED
from auth_service.models import AuditEntry, PasswordAttempt
from auth_service.throttle.password_waits import key_of
from common.ops.limits import ConcurrencyLimit
from tests import api
from tests.at_once import at_once
from tests.auth.database import rows
from tests.auth.hashers import make_hasher
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name, register
from tests.served import ServedPair

WRONG = "not the password"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"


def log_in(pair: Pair, name: str, password: str = WRONG, *, client: str = HERE) -> requests.Response:
    """Log in from an address, which the service believes if it trusts this machine as a proxy."""
    headers = {"X-Forwarded-For": client}
    return api.post(pair.url("auth") + "/login", auth=(name, password), headers=headers, timeout=30)


def assert_throttled(answer: requests.Response) -> int:
    """Fail unless the try was refused; return the seconds until the next one."""
    assert_problem(answer, 429, "too many attempts")
    return int(answer.headers["Retry-After"])


@pytest.fixture
def proxied(own_served_pair: ServedPair) -> ServedPair:
    """Return a pair that believes the addresses that a test gives itself, with auth running."""
    own_served_pair.environment["TRUSTED_PROXIES"] = "127.0.0.1"
    return own_served_pair.start("auth")


@pytest.mark.parametrize("is_known", [True, False])
def test_the_sixth_try_has_to_wait_and_the_right_password_ends_that(pair: Pair, is_known: bool) -> None:
    name = register(pair).name if is_known else new_name()
    answers = [log_in(pair, name) for _ in range(5)]

    wait = assert_throttled(log_in(pair, name, PASSWORD))
    time.sleep(wait)
    after = log_in(pair, name, PASSWORD)

    assert [answer.status_code for answer in answers] == [401] * 5
    assert after.status_code == (200 if is_known else 401)
    assert wait == 1
    assert log_in(pair, name).status_code == (401 if is_known else 429)


def test_every_route_that_compares_a_password_counts_for_the_others(person: Person) -> None:
    pair, url = person.pair, person.pair.url("auth")
    change = {"current_password": WRONG, "new_password": "a cheese of another colour"}
    routes: list[Callable[[], requests.Response]] = [
        lambda: log_in(pair, person.name),
        lambda: person.request("PUT", "auth", "/me/password", json=change),
        lambda: api.delete(f"{url}/me", auth=(person.name, WRONG), timeout=30),
    ]
    before = [route().status_code for route in [*routes, *routes[:2]]]

    for route in routes:
        assert_throttled(route())

    assert before == [401, 403, 401, 401, 403]
    assert person.get("/me", "auth").status_code == 200


def test_of_many_tries_at_once_ten_are_compared_and_a_restart_forgets_nothing(proxied: ServedPair) -> None:
    name, url = register(proxied).name, proxied.url("auth")

    def ask(session: requests.Session, _: int) -> requests.Response:
        return session.post(url + "/login", auth=(name, WRONG), headers={"X-Forwarded-For": HERE}, timeout=30)

    statuses = Counter(answer.status_code for answer in at_once(40, url, ask))

    # 503: on a busy machine no core may come free in time, and then nothing was compared.
    assert {401, 429} <= statuses.keys() <= {401, 429, 503}
    assert statuses[401] == compared(proxied) <= 10
    fail_until_a_wait_of(8, proxied, name)  # seconds, more than a restart takes
    failures = compared(proxied)
    proxied.stop("auth")
    proxied.start("auth")
    assert assert_throttled(log_in(proxied, name, PASSWORD)) > 1
    assert log_in(proxied, name, PASSWORD, client=ELSEWHERE).status_code == 200
    assert log_in(proxied, name, PASSWORD, client=ELSEWHERE).status_code == 200
    assert compared(proxied) == failures


def fail_until_a_wait_of(least: int, pair: Pair, name: str) -> None:
    while (wait := int(log_in(pair, name).headers.get("Retry-After", 0))) < least:
        time.sleep(wait)


def compared(pair: Pair) -> int:
    """Return how many wrong passwords were compared."""
    failures = select(func.count()).where(AuditEntry.event == LOGIN_FAILED)
    return int(rows(pair, failures)[0][0])


def test_who_has_a_64_of_ipv6_is_one_client(operator: Operator) -> None:
    client, name = operator.app.test_client(), new_name()

    answers = [
        client.post("/login", auth=(name, WRONG), environ_base={"REMOTE_ADDR": f"2001:db8:7:7::{each}"})
        for each in range(6)
    ]
    other = client.post("/login", auth=(name, WRONG), environ_base={"REMOTE_ADDR": "2001:db8:7:8::1"})

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert other.status_code == 401


def test_what_finds_no_core_to_hash_on_is_given_back(
    pair: Pair, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots, name = ConcurrencyLimit(1), new_name()
    monkeypatch.setitem(operator.app.extensions, "hasher", make_hasher(slots=slots))

    with slots.slot():
        answers = [operator.app.test_client().post("/login", auth=(name, WRONG)) for _ in range(12)]

    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "5")}
    assert rows(pair, select(PasswordAttempt.id).where(PasswordAttempt.name_key == key_of(name))) == []
