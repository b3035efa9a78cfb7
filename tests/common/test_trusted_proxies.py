"""TRUSTED_PROXIES: where the address shows that trusted proxies tell."""

import pytest
from sqlalchemy import select

from auth_service.models import Session
from tests import api
from tests.auth.database import rows
from tests.cases import every
from tests.common.log_lines import Log, new_id
from tests.common.wire import send
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, new_name

CLIENT, ITSELF = "203.0.113.9", "127.0.0.1"
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def behind_proxy(pair: Pair) -> Pair:
    """Return both services, to which the tests are a proxy that they trust."""
    return pair.variant(TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")


@every("service", SERVICES)
@every(
    "headers, expected",
    [
        ([], ITSELF),
        (["X-Forwarded-For: 1.2.3.4, 203.0.113.9"], CLIENT),
        (["x-forwarded-for: 203.0.113.9, 10.1.1.1:567"], CLIENT),
        (["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.1.1.1"], CLIENT),
        (['X-Forwarded-For: "}{"event":"login"}'], ITSELF),
        (["X_Forwarded_For: 203.0.113.9"], ITSELF),
        (["Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9", "Client-IP: 203.0.113.9"], ITSELF),
    ],
)
def test_the_log_names_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log, service: str, headers: list[str], expected: str
) -> None:
    request_id = new_id()

    send(behind_proxy, service, "GET /nowhere", [f"X-Request-ID: {request_id}", *headers])

    assert [line["client"] for line in log.of(request_id)] == [expected]


def test_a_security_event_and_a_session_name_the_client_behind_the_proxy(
    behind_proxy: Pair, log: Log
) -> None:
    headers = {"X-Forwarded-For": CLIENT, "X-Request-ID": new_id()}
    credentials = {"name": new_name(), "password": PASSWORD}

    api.post(behind_proxy.url("auth") + "/register", json=credentials, headers=headers)

    lines = log.of(headers["X-Request-ID"])
    assert {line["event"]: line["client"] for line in lines} == {"registered": CLIENT, "request": CLIENT}
    assert rows(behind_proxy, select(Session.ip).where(Session.ip == CLIENT)) == [(CLIENT,)]


def test_a_trusted_proxy_tells_no_scheme_and_no_host(behind_proxy: Pair) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "444"}

    plain, answer = (api.get(behind_proxy.url("auth") + "/", headers=sent) for sent in ({}, forged))

    assert (answer.status_code, answer.text) == (plain.status_code, plain.text)
