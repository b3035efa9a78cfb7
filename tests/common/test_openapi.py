"""The documents at /openapi.json: valid, whole, and without anything that is not so."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests import api
from tests.common.openapi import ROUTES, Document, operations
from tests.common.test_problems import codes_of_the_table
from tests.pair import SERVICES, Pair

# A document comes from no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")
on_books = pytest.mark.parametrize("service", ["books"], indirect=True)

ALWAYS = {"201": "Location", "401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
WITH_BOOK = {"post /book 201", "post /books 201", "get /books/{book_id} 200", "get /books/{book_id} 304"}
WITH_BOOK |= {"put /books/{book_id} 200", "patch /books/{book_id} 200"}
OPEN_ROUTES = {"get /", "get /healthz", "get /readyz", "post /register", "post /refresh", "post /logout"}
# What else a route needs than an access token, in one of two headers.
CREDENTIALS: dict[str, list[dict[str, list[str]]]] = {
    **{route: [] for route in OPEN_ROUTES},
    "delete /me": [{"basic": []}],
    "post /login": [{"basic": []}, {}],
    "get /events": [{"service": []}],
}
ACCESS_TOKEN: list[dict[str, list[str]]] = [{"bearer": []}, {"accessToken": []}]

# Schemas of what is sent, of which not every member has to be there.
BODIES = {"NewBook", "BookChange", "NewUser", "Credentials", "RefreshRequest", "PasswordChange", "UserChange"}
BODIES |= {"NewUserOfAdmin", "WholeBook"}

INT64 = {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1}
UUID = {"type": "string", "format": "uuid"}
VARIABLES = {"/books/{book_id}": INT64, "/users/{public_id}": UUID, "/sessions/{session_id}": UUID}
LISTS = {"auth": "get /users", "books": "get /books"}
SORTS = ["id", "name", "Author", "book_prize", "created_at"]


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


def test_the_document_is_valid_openapi_3_1_and_nothing_is_left_over(document: Document) -> None:
    references = {found["$ref"] for found in objects(document) if "$ref" in found}
    schemes = {name for _, operation in operations(document) for way in operation["security"] for name in way}

    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["components"]) == {"schemas", "securitySchemes"}
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert schemes == set(document["components"]["securitySchemes"])


def test_every_route_is_described_with_every_status_and_what_it_needs(
    service: str, document: Document
) -> None:
    found, tags = dict(operations(document)), {tag["name"] for tag in document["tags"] if tag["description"]}
    described = {route: set(operation["responses"]) for route, operation in found.items()}

    assert described == {route: set(statuses.split()) for route, statuses in ROUTES[service].items()}
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    for route, operation in found.items():
        assert operation["summary"].endswith(".")
        assert set(operation["tags"]) <= tags
        assert operation["security"] == CREDENTIALS.get(route, ACCESS_TOKEN)
        assert route != "post /login" or not operation["requestBody"]["required"]


def test_every_example_and_default_keeps_its_schema(document: Document) -> None:
    schemas = [schema for schema in objects(document) if "type" in schema and "name" not in schema]
    values = [(schema, example) for schema in schemas for example in schema.get("examples", [])]
    values += [(schema, schema["default"]) for schema in schemas if "default" in schema]
    contents = [each for holder in objects(document["paths"]) for each in holder.get("content", {}).values()]
    values += [(content["schema"], content["example"]) for content in contents]

    assert values
    assert contents
    for schema, value in values:
        validator(document, schema).validate(value)


def test_every_error_is_a_problem_document_that_names_its_codes(service: str, document: Document) -> None:
    named: set[tuple[str, int]] = set()
    for route, status, response in responses(document):
        if status >= "400" and route != "get /readyz":
            assert set(response["content"]) == {"application/problem+json"}
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema["$ref"] == "#/components/schemas/Problem", route
            codes = schema["properties"]["code"]["enum"]
            assert codes, route
            assert all(f"`{code}`" in response["description"] for code in codes)
            named |= {(code, int(status)) for code in codes}

    assert named <= set(codes_of_the_table())
    assert {("token-expired", 401), ("token-revoked", 401), ("not-json", 400)} <= named
    assert {"auth": ("name-taken", 409), "books": ("key-reused", 422)}[service] in named


def test_headers_that_are_always_there_are_required_and_a_book_has_an_etag(document: Document) -> None:
    for route, status, response in responses(document):
        for header in {"X-Request-ID", ALWAYS.get(status, "X-Request-ID")}:
            assert response["headers"][header]["required"], route
        if f"{route} {status}" in WITH_BOOK:
            assert "ETag" in response["headers"], route


def test_bodies_refuse_unknown_members_and_those_of_answers_are_all_required_but_one(
    document: Document,
) -> None:
    schemas = document["components"]["schemas"]
    for name in BODIES & set(schemas):
        assert schemas[name]["additionalProperties"] is False
        assert all({"type", "anyOf"} & set(member) for member in schemas[name]["properties"].values())
    for name in set(schemas) - {"Problem", "FieldError"} - BODIES:
        optional = {"total"} if name == "BookList" else set()
        assert set(schemas[name]["required"]) | optional == set(schemas[name]["properties"]), name


def test_variables_of_a_path_and_parameters_of_a_list_tell_their_form(
    service: str, document: Document
) -> None:
    variables = {path: item["parameters"] for path, item in document["paths"].items() if "{" in path}
    parameters = parameters_of(dict(operations(document))[LISTS[service]])

    assert variables
    for path, (variable,) in variables.items():
        assert (variable["in"], variable["schema"]) == ("path", VARIABLES[path])
    assert parameters["limit"]["schema"] == {"type": "integer", "default": 50, "minimum": 1, "maximum": 200}
    assert parameters["cursor"]["schema"] == {"type": "string", "pattern": "^[A-Za-z0-9._-]+$"}
    assert all(each["description"] and each["allowEmptyValue"] for each in parameters.values())


@on_books
def test_parameters_tell_what_they_take(document: Document) -> None:
    found = [each for _, operation in operations(document) for each in parameters_of(operation).values()]
    schemas = {parameter["name"]: parameter["schema"] for parameter in found}

    assert not any(parameter["required"] for parameter in found)
    assert {"If-Match", "If-None-Match", "Idempotency-Key", "bom"} < schemas.keys()
    assert set(schemas["sort"]["enum"]) == {*SORTS, *(f"-{sort}" for sort in SORTS)}
    assert schemas["sort"]["default"] == "id"
    assert schemas["q"]["maxLength"] == schemas["name"]["maxLength"] == 200
    assert all(schemas[member]["examples"] for member in ("q", "name", "Author", "Publisher"))
    assert schemas["format"] == {"type": "string", "enum": ["csv", "ndjson"]}
    assert schemas["dry_run"] == {"type": "integer", "default": 0, "minimum": 0, "maximum": 1}
    assert schemas["on_duplicate"] == {"type": "string", "default": "skip", "enum": ["skip", "fail"]}


@on_books
def test_files_and_patches_have_their_media_types_and_the_route_of_the_tutorial_is_deprecated(
    document: Document,
) -> None:
    routes: dict[str, Any] = dict(operations(document))
    patch = routes["patch /books/{book_id}"]["requestBody"]["content"]
    exported = routes["get /books/export"]["responses"]["200"]["content"]
    file = routes["post /books/import"]["requestBody"]

    assert list(patch) == ["application/merge-patch+json", "application/json"]
    assert patch["application/merge-patch+json"] == patch["application/json"]
    assert set(exported) == {"text/csv", "application/x-ndjson"}
    assert set(file["content"]) == {*exported, "application/vnd.ms-excel"}
    assert "first line of CSV" in file["description"]
    assert [route for route, each in routes.items() if each.get("deprecated")] == ["post /book"]
    assert "`POST /books`" in routes["post /book"]["description"]


def test_a_running_service_says_what_is_shown_of_it(pair: Pair, service: str, document: Document) -> None:
    for path in ("/", "/healthz", "/readyz"):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        shown, answer = content["example"], api.get(pair.url(service) + path)
        said = answer.json()
        if path == "/readyz":  # without a follower the feed of books is degraded after half a minute
            assert said["status"] == said["checks"].get("feed", "ok")
            shown |= {"status": said["status"]}
            shown["checks"] |= {name: said["checks"][name] for name in shown["checks"] if "feed" in name}
        assert (answer.status_code, said) == (200, shown)
