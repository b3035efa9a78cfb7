"""The corpus itself: large enough, without repetition, and in step with the schema."""

import base64
import json
from typing import Any

import jsonschema_rs

from tests.cases import every, on_sqlite
from tests.conftest import keys_of
from tests.contract.manglings import MANGLINGS
from tests.contract.recipes import CONTRACT, cases, request_of, some_world
from tests.people import Person

SCHEMA = json.loads((CONTRACT / "token.schema.json").read_text("utf-8"))
ACCEPTED = jsonschema_rs.Draft202012Validator(SCHEMA)
ISSUED = jsonschema_rs.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/issued"})
WORLD = some_world(now=1_800_000_000)
SIZES = {"good": 40, "bad": 120, "missing": 12}
RECIPE_MEMBERS = {
    *("header", "claims", "raw", "replace", "encoding", "mangle", "key", "hash", "signed_over", "segments"),
    *("pad_to", "send", "wire"),
}


@every("kind, size", SIZES.items())
def test_the_corpus_is_large_enough_and_nothing_is_there_twice_or_unread(kind: str, size: int) -> None:
    requests = [request_of(case["recipe"], WORLD) for case in cases(kind)]
    sent = {repr((request.headers, request.query, request.body)) for request in requests}

    assert len({case["name"] for case in cases(kind)}) == len(sent) == len(requests) >= size
    expected = {"name", "recipe"} | ({"why"} if kind == "bad" else set())
    for case in cases(kind):
        assert expected <= set(case) <= expected | {"server_refuses", "schema_refuses", "code", "detail"}
        assert set(case["recipe"]) <= RECIPE_MEMBERS


def test_every_mangling_is_used() -> None:
    manglings = [how for case in cases("bad") for how in case["recipe"].get("mangle", {}).values()]

    assert {how[0] if isinstance(how, list) else how for how in manglings} == set(MANGLINGS)


@every("kind", ["good", "bad"])
def test_the_schema_refuses_what_the_corpus_says_and_nothing_else(kind: str) -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    read = {case["name"]: decoded(request_of(case["recipe"], WORLD).token) for case in cases(kind)}
    refused = {name for name, content in read.items() if content and not ACCEPTED.is_valid(content)}

    assert refused == {case["name"] for case in cases(kind) if case.get("schema_refuses")}
    assert kind == "bad" or all(read.values())


@on_sqlite
def test_an_issued_token_is_exactly_what_the_schema_says(person: Person) -> None:
    content = decoded(person.token)

    assert content is not None
    ISSUED.validate(content)
    claims = content["claims"]
    assert claims["sub"] == claims["public_id"] == person.public_id
    assert claims["sid"] == person.refresh_token.partition(".")[0]
    assert claims["exp"] == claims["iat"] + 2700
    assert content["header"]["kid"] == keys_of(person.pair)[0]["kid"]


@every("part", ["header", "claims"])
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
