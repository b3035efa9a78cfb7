"""The corpus itself: large enough, without repetition, and in step with the schema."""

import base64
import json
import secrets
import uuid
from typing import Any

import jsonschema_rs
import pytest

from tests.contract.manglings import MANGLINGS
from tests.contract.raw_client import TokenProbe
from tests.contract.recipes import CONTRACT, Key, World, cases, request_of

SCHEMA = json.loads((CONTRACT / "token.schema.json").read_text("utf-8"))
ACCEPTED = jsonschema_rs.Draft202012Validator(SCHEMA)
ISSUED = jsonschema_rs.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/issued"})
KEYS = [Key(kid=f"key-{number}", secret=secrets.token_bytes(32), signs=number == 1) for number in (1, 2)]
WORLD = World(KEYS, public_id=str(uuid.uuid4()), session_id="a-session", now=1_800_000_000)
SIZES = {"good": 40, "bad": 120, "missing": 12}
RECIPE_MEMBERS = {
    *("header", "claims", "raw", "replace", "encoding", "mangle", "key", "hash", "signed_over", "segments"),
    *("pad_to", "send", "wire"),
}


@pytest.mark.parametrize(("kind", "size"), SIZES.items())
def test_the_corpus_is_large_enough_and_every_name_is_there_once(kind: str, size: int) -> None:
    names = [case["name"] for case in cases(kind)]

    assert len(names) >= size
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", SIZES)
def test_no_two_cases_send_the_same(kind: str) -> None:
    seen: dict[str, str] = {}
    for case in cases(kind):
        request = request_of(case["recipe"], WORLD)
        sent = repr((request.headers, request.query, request.body))
        assert seen.setdefault(sent, case["name"]) == case["name"]


@pytest.mark.parametrize("kind", SIZES)
def test_a_case_has_no_member_that_nobody_reads(kind: str) -> None:
    expected = {"name", "recipe"} | ({"why"} if kind == "bad" else set())
    for case in cases(kind):
        assert expected <= set(case) <= expected | {"server_refuses", "schema_refuses"}
        assert set(case["recipe"]) <= RECIPE_MEMBERS


def test_every_mangling_is_used() -> None:
    manglings = [how for case in cases("bad") for how in case["recipe"].get("mangle", {}).values()]

    assert {how[0] if isinstance(how, list) else how for how in manglings} == set(MANGLINGS)


def test_the_schema_is_a_schema() -> None:
    jsonschema_rs.meta.validate(SCHEMA)


@pytest.mark.parametrize("case", cases("good"), ids=lambda case: case["name"])
def test_the_schema_accepts_a_good_token(case: dict[str, Any]) -> None:
    token = request_of(case["recipe"], WORLD).token

    ACCEPTED.validate(decoded(token))


@pytest.mark.parametrize("case", cases("bad"), ids=lambda case: case["name"])
def test_the_schema_refuses_a_bad_token_if_the_corpus_says_so(case: dict[str, Any]) -> None:
    content = decoded(request_of(case["recipe"], WORLD).token)

    refused = content is not None and not ACCEPTED.is_valid(content)

    assert refused == case.get("schema_refuses", False)


def test_an_issued_token_is_exactly_what_the_schema_says(token_probe: TokenProbe) -> None:
    content = decoded(token_probe.issued_token)

    assert content is not None
    ISSUED.validate(content)
    claims = content["claims"]
    assert claims["sub"] == claims["public_id"] == token_probe.public_id
    assert claims["sid"] == token_probe.session_id
    assert claims["exp"] == claims["iat"] + 2700
    assert content["header"]["kid"] == token_probe.keys[0]["kid"]


@pytest.mark.parametrize("part", ["header", "claims"])
def test_the_schema_of_issued_tokens_allows_nothing_else(part: str) -> None:
    content = decoded(request_of({}, WORLD).token)
    assert content is not None
    ISSUED.validate(content)

    content[part]["x"] = 1

    assert not ISSUED.is_valid(content)
    assert ACCEPTED.is_valid(content)


def decoded(token: str) -> dict[str, Any] | None:
    """Decode header and claims as leniently as a careless reader would; None where there is no JSON."""
    try:
        header, claims, _ = token.split(".")
        parts = [json.loads(base64.urlsafe_b64decode(part + "==").decode()) for part in (header, claims)]
        json.dumps(parts, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return dict(zip(("header", "claims"), parts, strict=True))
