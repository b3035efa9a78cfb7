"""The corpus itself, in step with the schema; and the verifier for other services, which keeps all of it."""

import base64
import json
import time
from typing import Any

import jsonschema_rs
import jwt

from contract.verifier import TokenMissing, read_keys, token_of, verify
from tests.cases import every, on_sqlite
from tests.conftest import keys_of
from tests.contract.recipes import CONTRACT, MANGLINGS, Request, cases, request_of, some_world
from tests.people import Person
from tests.programs import ROOT
from tests.readme import blocks

SCHEMA = json.loads((CONTRACT / "token.schema.json").read_text("utf-8"))
ACCEPTED = jsonschema_rs.Draft202012Validator(SCHEMA)
ISSUED = jsonschema_rs.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/issued"})
WORLD = some_world(now=1_800_000_000)
SIZES = {"good": 40, "bad": 120, "missing": 12}
RECIPE_MEMBERS = {
    *("header", "claims", "raw", "replace", "encoding", "mangle", "key", "hash", "signed_over", "segments"),
    *("pad_to", "send", "wire"),
}
# What the verifier says, unless a case has a code.
OUTCOMES = {"good": "accepted", "bad": "token-invalid", "missing": "token-missing"}


@every("kind, size", SIZES.items())
def test_the_corpus_is_large_enough_and_nothing_is_there_twice_or_unread(kind: str, size: int) -> None:
    requests = [request_of(case["recipe"], WORLD) for case in cases(kind)]
    sent = {repr((request.headers, request.query, request.body)) for request in requests}

    assert len({case["name"] for case in cases(kind)}) == len(sent) == len(requests) >= size
    expected = {"name", "recipe"} | ({"why"} if kind == "bad" else set())
    for case in cases(kind):
        assert expected <= set(case) <= expected | {"server_refuses", "schema_refuses", "code", "detail"}
        assert set(case["recipe"]) <= RECIPE_MEMBERS
    spoilt = [how for case in cases("bad") for how in case["recipe"].get("mangle", {}).values()]
    assert {how[0] if isinstance(how, list) else how for how in spoilt} == set(MANGLINGS)


@every("kind", ["good", "bad"])
def test_the_schema_refuses_what_the_corpus_says_and_nothing_else(kind: str) -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    read = {case["name"]: decoded(request_of(case["recipe"], WORLD).token) for case in cases(kind)}
    refused = {name for name, content in read.items() if content and not ACCEPTED.is_valid(content)}

    assert refused == {case["name"] for case in cases(kind) if case.get("schema_refuses")}
    assert kind == "bad" or all(read.values())


@on_sqlite
def test_an_issued_token_is_exactly_what_the_schema_says_and_the_verifier_reads(person: Person) -> None:
    content, keys = decoded(person.token), read_keys(person.pair.folder / "keys.json")

    assert content is not None
    ISSUED.validate(content)
    claims = content["claims"]
    assert claims["sub"] == claims["public_id"] == person.public_id
    assert claims["sid"] == person.refresh_token.partition(".")[0]
    assert claims["exp"] == claims["iat"] + 2700
    assert content["header"]["kid"] == keys_of(person.pair)[0]["kid"]
    assert verify(person.token, keys) == claims
    assert keys == {key["kid"]: key["secret"] for key in keys_of(person.pair)}
    for part in ("header", "claims"):
        more = content | {part: content[part] | {"x": 1}}
        assert (ISSUED.is_valid(more), ACCEPTED.is_valid(more)) == (False, True)


def decoded(token: str) -> dict[str, Any] | None:
    """Decode header and claims as leniently as a careless reader would; None where there is no JSON."""
    try:
        header, claims, _ = token.split(".")
        parts = [json.loads(base64.urlsafe_b64decode(part + "==").decode()) for part in (header, claims)]
        json.dumps(parts, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return dict(zip(("header", "claims"), parts, strict=True))


@every("kind, expected", OUTCOMES.items())
def test_the_verifier_keeps_every_case_of_the_corpus(kind: str, expected: str) -> None:
    outcomes = {case["name"]: outcome(case) for case in cases(kind)}
    wrong = [
        f"{case['name']}: {outcomes[case['name']]}"
        for case in cases(kind)
        if not case.get("server_refuses") and outcomes[case["name"]] != case.get("code", expected)
    ]

    assert wrong == []
    assert kind == "good" or "accepted" not in outcomes.values()


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


def header_of(request: Request, name: str) -> str:
    """Return what a WSGI server makes of a header: its lines joined, blanks and tabs around them cut off."""
    values = [value.decode("latin-1").strip(" \t") for sent, value in request.headers if sent.lower() == name]
    return ",".join(values)


def test_the_document_of_the_verifier_shows_the_lines_that_matter() -> None:
    [shown] = blocks("docs/verify-elsewhere.md", "## Verify", "python")

    assert shown in (ROOT / "contract/verifier.py").read_text()
