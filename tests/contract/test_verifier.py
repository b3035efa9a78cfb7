"""The verifier for other services, `contract/verifier.py`, keeps the whole contract."""

import time
from typing import Any

import jwt

from contract.verifier import TokenMissing, read_keys, token_of, verify
from tests.cases import every, on_sqlite
from tests.conftest import keys_of
from tests.contract.recipes import Request, cases, request_of, some_world
from tests.people import Person
from tests.programs import ROOT
from tests.readme import blocks

# Unless a case has a code.
OUTCOMES = {"good": "accepted", "bad": "token-invalid", "missing": "token-missing"}


def header_of(request: Request, name: str) -> str:
    """Return what a WSGI server makes of a header: its lines joined, blanks and tabs around them cut off."""
    values = [value.decode("latin-1").strip(" \t") for sent, value in request.headers if sent.lower() == name]
    return ",".join(values)


def outcome(case: dict[str, Any]) -> str:
    """Return the code of the problem document that the case deserves, or `accepted`."""
    world = some_world(now=int(time.time()))
    keys = {key["kid"]: key["secret"] for key in world.keys}
    request = request_of(case["recipe"], world)
    try:
        verify(token_of(header_of(request, "authorization"), header_of(request, "x-access-tokens")), keys)
    except TokenMissing:
        return "token-missing"
    except jwt.ExpiredSignatureError:
        return "token-expired"
    except jwt.InvalidTokenError:
        return "token-invalid"
    return "accepted"


@every("kind, expected", OUTCOMES.items())
def test_every_case_of_the_corpus_ends_as_it_should(kind: str, expected: str) -> None:
    for_a_server = {case["name"] for case in cases(kind) if case.get("server_refuses")}
    outcomes = {case["name"]: outcome(case) for case in cases(kind)}
    wrong = [
        f"{case['name']}: {outcomes[case['name']]}"
        for case in cases(kind)
        if case["name"] not in for_a_server and outcomes[case["name"]] != case.get("code", expected)
    ]

    assert wrong == []
    assert kind == "good" or "accepted" not in outcomes.values()


@on_sqlite
def test_a_token_of_auth_is_verified_with_its_key_file(person: Person) -> None:
    keys = read_keys(person.pair.folder / "keys.json")

    assert verify(person.token, keys)["public_id"] == person.public_id
    assert keys == {key["kid"]: key["secret"] for key in keys_of(person.pair)}


def test_the_document_shows_the_lines_that_matter() -> None:
    shown = blocks("docs/verify-elsewhere.md", "## Verify", "python")

    assert len(shown) == 1
    assert shown[0] in (ROOT / "contract/verifier.py").read_text()
