"""Every case of the corpus, sent to both services.

That a token was revoked is told in tests/feed/test_follower.py, where books hears of it.
"""

import base64
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import time_machine

from tests.auth.logins import assert_refused
from tests.common import wire
from tests.conftest import keys_of
from tests.contract.recipes import Request, World, cases, request_of
from tests.feed.ends import session_of
from tests.pair import Pair
from tests.people import Person, register

# One database is enough here: only auth's look for the session asks it, and tests/auth does that on both.
pytestmark = [
    pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session"),
    pytest.mark.parametrize(("service", "path"), [("auth", "/me"), ("books", "/books")]),
]

CHALLENGE = 'Bearer realm="bookstore"'
INVALID = f'{CHALLENGE}, error="invalid_token"'
CHALLENGES = {  # by code
    "token-missing": CHALLENGE,
    "token-invalid": INVALID,
    "token-expired": f'{INVALID}, error_description="token-expired"',
}
REFUSALS = {  # code and message, unless a case names another code
    "bad": ("token-invalid", "token is invalid"),
    "missing": ("token-missing", "a valid token is missing"),
}
RUN = re.compile(r"[A-Za-z0-9_-]{16,}")  # what a segment of a token looks like
TELLING = 12  # letters of a token or a secret in a row that cannot be there by chance
STRANGE = ["\x00", "\ud800", "x" * 2000, "' OR '1'='1", " "]


@pytest.fixture(scope="module")
def owner(pair: Pair) -> Person:
    """Return whose tokens they are."""
    return register(pair)


def send(owner: Person, service: str, path: str, recipe: dict[str, Any]) -> tuple[Request, requests.Response]:
    """Send the request of a recipe as it is as of now."""
    world = World(keys_of(owner.pair), owner.public_id, session_of(owner), now=int(time.time()))
    request = request_of(recipe, world)
    headers = [name.encode() + b": " + value for name, value in request.headers]
    if request.body:
        headers += [b"Content-Type: application/json", b"Content-Length: %d" % len(request.body)]
    target = path + (f"?{request.query}" if request.query else "")
    return request, wire.send(owner.pair, service, f"GET {target}", headers, request.body)


def test_good_tokens_open_the_route_and_bad_and_missing_ones_are_told_apart(
    owner: Person, service: str, path: str
) -> None:
    assert refused_by_mistake(owner, service, path) == {}
    assert wrongly_refused(owner, service, path, "bad") == {}
    assert wrongly_refused(owner, service, path, "missing") == {}


def test_a_token_that_grew_old_expired_though_it_is_remembered(pair: Pair, service: str, path: str) -> None:
    person = register(pair)
    assert person.get(path, service).status_code == 200

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=46), tick=False):
        assert_refused(person.get(path, service), "token-expired")


def test_a_claim_of_a_strange_shape_breaks_nothing(owner: Person, service: str, path: str) -> None:
    answers = [send(owner, service, path, {"claims": {"sid": strange}})[1] for strange in STRANGE]

    # Auth knows no such session. Books asks nobody, so it may take a session for live that it never heard of.
    assert {answer.status_code for answer in answers} <= ({401} if service == "auth" else {200, 401})


def refused_by_mistake(owner: Person, service: str, path: str) -> dict[str, int]:
    """Return the good cases that are not accepted, with the status."""
    statuses = {
        case["name"]: send(owner, service, path, case["recipe"])[1].status_code for case in cases("good")
    }
    return {name: status for name, status in statuses.items() if status != 200}


def wrongly_refused(owner: Person, service: str, path: str, kind: str) -> dict[str, object]:
    """Return the cases that are not refused as expected, or told too much, with what was answered."""
    wrong: dict[str, object] = {}
    for case in cases(kind):
        request, answer = send(owner, service, path, case["recipe"])
        is_ours = not (case.get("server_refuses") and answer.status_code in (400, 431))
        found = refusal(answer) if is_ours else None
        leaked = leaked_by(answer, request, owner)
        if leaked or (is_ours and found != expected_refusal(case, kind)):
            wrong[case["name"]] = leaked or found
    return wrong


def refusal(answer: requests.Response) -> tuple[object, ...]:
    """Return what an answer says of the token."""
    problem = answer.json()
    texts = (problem[member] for member in ("code", "message", "detail"))
    return answer.status_code, answer.headers["Content-Type"], answer.headers.get("WWW-Authenticate"), *texts


def expected_refusal(case: dict[str, Any], kind: str) -> tuple[object, ...]:
    """Return what `refusal` has to find."""
    code, message = REFUSALS[kind]
    code = case.get("code", code)
    texts = (code, message, case.get("detail", message))
    return 401, "application/problem+json", CHALLENGES[code], *texts


def leaked_by(answer: requests.Response, request: Request, owner: Person) -> list[str]:
    """Return the parts of the sent token, or of a secret, that came back."""
    answered = answer.content.decode("latin-1") + "".join(answer.headers.values())
    sent = [request.token, request.query, *(value.decode("latin-1") for _, value in request.headers)]
    hidden = [run for text in sent for run in RUN.findall(text)]
    for secret in (key["secret"] for key in keys_of(owner.pair)):
        forms = base64.b64encode(secret), base64.urlsafe_b64encode(secret), secret.hex().encode(), secret
        hidden += [form.decode("latin-1") for form in forms]
    return [part for text in hidden for part in parts(text) if part in answered]


def parts(text: str) -> set[str]:
    return {text[start : start + TELLING] for start in range(len(text) - TELLING + 1)}
