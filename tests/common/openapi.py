"""The documents at /openapi.json, what they have to describe, and ways through them."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests import api
from tests.pair import SERVICES, Pair

METHODS = {"get", "put", "post", "delete", "patch"}
Document = dict[str, Any]

OPEN = "200 400 422 500"
READS = "200 400 401 422 500 503"
ENDS = "400 401 422 500 503"
WRITES = "400 408 413 415 422 500 503"
# Every route with every status that can come back.
ROUTES = {
    "auth": {
        "get /": OPEN,
        "get /healthz": OPEN,
        "get /readyz": f"{OPEN} 503",
        "post /register": f"201 403 409 429 {WRITES}",
        "post /login": f"200 401 429 {WRITES}",
        "post /refresh": f"200 401 {WRITES}",
        "post /logout": f"200 {WRITES}",
        "get /me": READS,
        "put /me/password": f"200 401 403 429 {WRITES}",
        "delete /me": f"204 409 429 {ENDS}",
        "get /sessions": READS,
        "delete /sessions": f"204 {ENDS}",
        "delete /sessions/{session_id}": f"204 404 {ENDS}",
        "get /users": f"403 {READS}",
        "post /users": f"201 401 403 409 {WRITES}",
        "get /users/{public_id}": f"403 404 {READS}",
        "patch /users/{public_id}": f"200 401 403 404 409 {WRITES}",
        "delete /users/{public_id}": f"204 403 404 409 {ENDS}",
        "get /events": f"410 {READS}",
    },
    "books": {
        "get /": OPEN,
        "get /healthz": OPEN,
        "get /readyz": f"{OPEN} 503",
        "post /book": f"201 401 409 429 {WRITES}",
        "post /books": f"201 401 409 429 {WRITES}",
        "get /books": READS,
        "get /books/export": READS,
        "post /books/import": f"200 401 409 {WRITES}",
        "get /books/{book_id}": f"304 404 412 {READS}",
        "put /books/{book_id}": f"200 401 404 409 412 {WRITES}",
        "patch /books/{book_id}": f"200 401 404 409 412 {WRITES}",
        "delete /books/{book_id}": f"404 412 {READS}",
    },
}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def document(pair: Pair, service: str) -> Document:
    answer = api.get(pair.url(service) + "/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    found: Document = answer.json()
    return found


def operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each route (`get /books`) and its operation."""
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield f"{method} {path}", item[method]


def responses(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the route, the status and the response object of every answer."""
    for route, operation in operations(document):
        for status, response in operation["responses"].items():
            yield route, status, response


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in the document."""
    if isinstance(value, dict):
        yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inside)


def parameters_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters of an operation by name."""
    return {parameter["name"]: parameter for parameter in operation.get("parameters", [])}


def validator(document: Document, schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """Return a validator of `schema`, whose references point into the document."""
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
