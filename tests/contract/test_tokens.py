"""Every case of the corpus, sent to both services over HTTP."""

import base64
import re
import time
from typing import Any

import pytest

from tests.contract.raw_client import Answer, TokenProbe
from tests.contract.recipes import Request, World, cases, request_of

# One database is enough here: only auth's look for the session asks it, and tests/auth does that on both.
pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")

SERVICES = ("auth", "books")
CHALLENGE = 'Bearer realm="bookstore"'
RUN = re.compile(r"[A-Za-z0-9_-]{16,}")  # what a segment of a token looks like
TELLING = 12  # letters of a token or a secret in a row that cannot be there by chance
STRANGE = {"NUL": "\x00", "half a pair": "\ud800", "long": "x" * 2000, "SQL": "' OR '1'='1", "blank": " "}


def each(kind: str) -> pytest.MarkDecorator:
    """Make a test of every case of contract/<kind>_tokens.json, for each service."""
    parameters = [
        pytest.param(service, case, id=f"{service}: {case['name']}")
        for service in SERVICES
        for case in cases(kind)
    ]
    return pytest.mark.parametrize(("service", "case"), parameters)


@each("good")
def test_a_good_token_opens_the_route(service: str, case: dict[str, Any], token_probe: TokenProbe) -> None:
    answer = send(service, request_for(case, token_probe), token_probe)

    assert answer.status == 200


@each("bad")
def test_a_bad_token_is_refused(service: str, case: dict[str, Any], token_probe: TokenProbe) -> None:
    request = request_for(case, token_probe)

    answer = send(service, request, token_probe)

    assert_nothing_is_told(answer, request, token_probe)
    if case.get("server_refuses") and answer.status in {400, 431}:
        return
    assert_refused(answer, "token is invalid", f'{CHALLENGE}, error="invalid_token"')


@each("missing")
def test_a_missing_token_is_told_from_a_wrong_one(
    service: str, case: dict[str, Any], token_probe: TokenProbe
) -> None:
    request = request_for(case, token_probe)

    answer = send(service, request, token_probe)

    assert_refused(answer, "a valid token is missing", CHALLENGE)
    assert_nothing_is_told(answer, request, token_probe)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("session_id", STRANGE.values(), ids=STRANGE)
def test_a_session_id_of_a_strange_shape_breaks_nothing(
    service: str, session_id: str, token_probe: TokenProbe
) -> None:
    case = {"recipe": {"claims": {"sid": session_id}}}

    answer = send(service, request_for(case, token_probe), token_probe)

    # Auth knows no such session. Books asks nobody, so it may take a session for live that it never heard of.
    assert answer.status in ({401} if service == "auth" else {200, 401})


def request_for(case: dict[str, Any], probe: TokenProbe) -> Request:
    """Build the request of the case as of now."""
    world = World(probe.keys, probe.public_id, probe.session_id, now=int(time.time()))
    return request_of(case["recipe"], world)


def send(service: str, request: Request, probe: TokenProbe) -> Answer:
    """Send the request as it is."""
    return probe.call(service, request.headers, query=request.query, body=request.body)


def assert_refused(answer: Answer, message: str, challenge: str) -> None:
    """Assert that the answer is the contract's 401."""
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == challenge
    assert (answer.json["status"], answer.json["message"]) == (401, message)


def assert_nothing_is_told(answer: Answer, request: Request, probe: TokenProbe) -> None:
    """Assert that no part of a sent token or of a secret came back."""
    told = answer.body.decode("latin-1") + "".join(answer.headers.values())
    sent = [request.token, request.query, *(value.decode("latin-1") for _, value in request.headers)]
    hidden = [run for text in sent for run in RUN.findall(text)]
    for secret in (key["secret"] for key in probe.keys):
        forms = base64.b64encode(secret), base64.urlsafe_b64encode(secret), secret.hex().encode(), secret
        hidden += [form.decode("latin-1") for form in forms]

    assert not [part for text in hidden for part in _parts(text) if part in told]


def _parts(text: str) -> set[str]:
    return {text[start : start + TELLING] for start in range(len(text) - TELLING + 1)}
