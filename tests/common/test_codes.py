"""The codes of problem documents: each is one case, named by docs/errors.md and by the OpenAPI documents."""

import json
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from common.errors import DomainError
from common.web.problems import default_code, problem
from tests import api
from tests.common.openapi import responses
from tests.pair import SERVICES, Pair
from tests.programs import ROOT
from tests.readme import blocks, section

# What the framework, or the server's edge, answers by itself on addresses of ours.
OF_THE_FRAMEWORK = (400, 404, 405, 408, 411, 413, 422, 429, 500, 503)
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (\d{3}) \| .+ \|$", re.MULTILINE)
OF_NGINX = re.compile(r'^        (?:([0-9]{3})|default) "([a-z-]+)";$', re.MULTILINE)


def subclasses_of(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses_of(subclass)


def codes_of_ours() -> set[tuple[str, int]]:
    """Return code and status of every error that has a class, and of what the framework says by itself."""
    classes = [kind for kind in subclasses_of(DomainError) if hasattr(kind, "code")]
    ours = {(kind.code, kind.status) for kind in classes if kind.__module__.split(".")[0] != "tests"}
    return ours | {(default_code(status), status) for status in OF_THE_FRAMEWORK}


def codes_of_nginx() -> set[tuple[str, int]]:
    """Return what nginx says by itself; those of tokens it repeats as books has said them."""
    _, _, text = (ROOT / "deploy/nginx/nginx.conf").read_text().partition("map $status $problem_code {")
    return {(code, int(status or 500)) for status, code in OF_NGINX.findall(text)}


def codes_of_the_table() -> list[tuple[str, int]]:
    rows = ROW.findall(section("docs/errors.md", "## Codes of problems"))
    return [(code, int(status)) for code, status in rows]


def test_a_code_stands_for_one_case_and_every_error_has_one() -> None:
    kinds = set(subclasses_of(DomainError))
    codes = [kind.code for kind in kinds if "code" in vars(kind)]

    assert [code for code, times in Counter(codes).items() if times > 1] == []
    assert [code for code, times in Counter(code for code, _ in codes_of_ours()).items() if times > 1] == []
    leaves = [kind for kind in kinds if not kind.__subclasses__()]
    assert [kind for kind in leaves if not (hasattr(kind, "code") and hasattr(kind, "status"))] == []


def test_the_table_names_every_code_and_no_other() -> None:
    rows = codes_of_the_table()

    assert len(rows) == len(set(rows))
    assert set(rows) == codes_of_ours() | codes_of_nginx()


def test_the_example_looks_as_an_error_does() -> None:
    shown = blocks("docs/errors.md", "## What an error looks like", "json")

    assert [json.loads(text) for text in shown] == [problem(409, "book-exists", "book already exists")]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
def test_the_document_names_codes_by_status(pair: Pair, service: str) -> None:
    document = api.get(pair.url(service) + "/openapi.json").json()
    named: set[tuple[str, int]] = set()
    for _, status, response in responses(document):
        content = response.get("content", {}).get("application/problem+json")
        codes = content["schema"]["properties"]["code"]["enum"] if content else []
        named |= {(code, int(status)) for code in codes}
        assert all(f"`{code}`" in response["description"] for code in codes)

    assert named <= set(codes_of_the_table())
    assert {("token-expired", 401), ("token-revoked", 401), ("not-json", 400)} <= named
    assert {"auth": ("name-taken", 409), "books": ("key-reused", 422)}[service] in named


def test_what_nginx_answers_has_the_code_that_the_services_give_it() -> None:
    assert ("body-too-large", 413) in codes_of_nginx() & codes_of_ours()
    known = dict(codes_of_ours())

    assert [code for code, status in codes_of_nginx() if known.get(code, status) != status] == []
