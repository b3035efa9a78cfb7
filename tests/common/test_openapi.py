"""The documents at /openapi.json: valid, whole, and without anything that is not so."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests import api
from tests.common import openapi
from tests.common.openapi import ROUTES, Document, objects, operations, parameters_of, responses, validator
from tests.pair import Pair

service, document = openapi.service, openapi.document
# A document comes from no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")
on_books = pytest.mark.parametrize("service", ["books"], indirect=True)

ALWAYS = {"201": "Location", "401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
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
LISTS = {"get /books", "get /users"}
# Every parameter that a route of books reads, of its query and its headers.
PARAMETERS = {
    "get /books": "limit cursor sort q name Author Publisher",
    "get /books/export": "format bom",
    "post /books/import": "dry_run on_duplicate",
    **dict.fromkeys(["post /book", "post /books"], "Idempotency-Key"),
    **{
        f"{method} /books/{{book_id}}": "If-Match If-None-Match"
        for method in ("get", "put", "patch", "delete")
    },
}
SORTS = ["id", "name", "Author", "book_prize", "created_at"]


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described_with_every_status_and_no_other(service: str, document: Document) -> None:
    described = {route: set(operation["responses"]) for route, operation in operations(document)}

    assert described == {route: set(statuses.split()) for route, statuses in ROUTES[service].items()}


def test_operations_have_a_name_of_their_own_a_summary_and_a_tag(document: Document) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}

    assert len(names) == len(set(names))
    for _, operation in operations(document):
        assert operation["summary"].endswith(".")
        assert set(operation["tags"]) <= tags


def test_every_example_keeps_its_schema(document: Document) -> None:
    holders = [holder for holder in objects(document["paths"]) if "content" in holder]

    assert holders
    for holder in holders:
        for content in holder["content"].values():
            validator(document, content["schema"]).validate(content["example"])


def test_examples_and_defaults_of_members_keep_their_schema(document: Document) -> None:
    schemas = [schema for schema in objects(document) if "type" in schema and "name" not in schema]
    values = [(schema, example) for schema in schemas for example in schema.get("examples", [])]
    values += [(schema, schema["default"]) for schema in schemas if "default" in schema]

    assert values
    for schema, value in values:
        validator(document, schema).validate(value)


def test_every_error_is_a_problem_document(document: Document) -> None:
    for route, status, response in responses(document):
        if status >= "400" and route != "get /readyz":
            assert set(response["content"]) == {"application/problem+json"}
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema["$ref"] == "#/components/schemas/Problem", route
            assert schema["properties"]["code"]["enum"], route


@on_books
def test_errors_that_any_route_may_have_are_marked(document: Document) -> None:
    common = {(route, status) for route, status, found in responses(document) if found.get("x-common")}

    statuses = {status for route, status in common if route == "post /books"}
    assert statuses == {"400", "401", "408", "413", "415", "500", "503"}
    assert not {("post /books", status) for status in ("201", "409", "422", "429")} & common


def test_headers_that_are_always_there_are_required(document: Document) -> None:
    for route, status, response in responses(document):
        for header in {"X-Request-ID", ALWAYS.get(status, "X-Request-ID")}:
            assert response["headers"][header]["required"], route


def test_only_the_open_routes_need_no_credentials(document: Document) -> None:
    for route, operation in operations(document):
        assert operation["security"] == CREDENTIALS.get(route, ACCESS_TOKEN)
        if route == "post /login":
            assert not operation["requestBody"]["required"]


def test_bodies_refuse_unknown_members_and_give_every_member_a_type(document: Document) -> None:
    for _, operation in operations(document):
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = document["components"]["schemas"][reference.rpartition("/")[2]]
            assert schema["additionalProperties"] is False
            assert all({"type", "anyOf"} & set(member) for member in schema["properties"].values())


def test_members_of_answers_are_all_required_but_one(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for name in set(schemas) - {"Problem", "FieldError"} - BODIES:
        optional = {"total"} if name == "BookList" else set()
        assert set(schemas[name]["required"]) | optional == set(schemas[name]["properties"]), name


def test_variables_of_a_path_tell_their_form(document: Document) -> None:
    variables = {path: item["parameters"] for path, item in document["paths"].items() if "{" in path}

    assert variables
    for path, (variable,) in variables.items():
        assert (variable["in"], variable["schema"]) == ("path", VARIABLES[path])


def test_lists_take_a_limit_and_a_cursor(document: Document) -> None:
    lists = [parameters_of(operation) for route, operation in operations(document) if route in LISTS]

    assert lists
    for parameters in lists:
        assert parameters["limit"]["schema"] == {
            "type": "integer",
            "default": 50,
            "minimum": 1,
            "maximum": 200,
        }
        assert parameters["cursor"]["schema"] == {"type": "string", "pattern": "^[A-Za-z0-9._-]+$"}
        assert all(each["description"] and each["allowEmptyValue"] for each in parameters.values())


@on_books
def test_parameters_that_a_route_reads_are_told(document: Document) -> None:
    parameters = {route: parameters_of(operation) for route, operation in operations(document)}

    assert {route: " ".join(found) for route, found in parameters.items() if found} == PARAMETERS
    assert not any(parameter["required"] for found in parameters.values() for parameter in found.values())


@on_books
def test_parameters_tell_what_they_take(document: Document) -> None:
    routes = dict(operations(document))
    schemas = {
        name: parameter["schema"]
        for route in ("get /books", "get /books/export", "post /books/import")
        for name, parameter in parameters_of(routes[route]).items()
    }

    assert set(schemas["sort"]["enum"]) == {*SORTS, *(f"-{sort}" for sort in SORTS)}
    assert schemas["sort"]["default"] == "id"
    assert schemas["q"]["maxLength"] == schemas["name"]["maxLength"] == 200
    assert all(schemas[member]["examples"] for member in ("q", "name", "Author", "Publisher"))
    assert schemas["format"] == {"type": "string", "enum": ["csv", "ndjson"]}
    assert schemas["dry_run"] == {"type": "integer", "default": 0, "minimum": 0, "maximum": 1}
    assert schemas["on_duplicate"] == {"type": "string", "default": "skip", "enum": ["skip", "fail"]}


@on_books
def test_files_and_patches_have_their_media_types(document: Document) -> None:
    routes: dict[str, Any] = dict(operations(document))
    patch = routes["patch /books/{book_id}"]["requestBody"]["content"]
    exported = routes["get /books/export"]["responses"]["200"]["content"]
    file = routes["post /books/import"]["requestBody"]

    assert list(patch) == ["application/merge-patch+json", "application/json"]
    assert patch["application/merge-patch+json"] == patch["application/json"]
    assert set(exported) == {"text/csv", "application/x-ndjson"}
    assert set(file["content"]) == {*exported, "application/vnd.ms-excel"}
    assert "first line of CSV" in file["description"]


def test_examples_of_what_a_service_is_are_its_own(pair: Pair, service: str, document: Document) -> None:
    routes: dict[str, Any] = dict(operations(document))
    shown = {
        path: routes[f"get {path}"]["responses"]["200"]["content"]["application/json"]["example"]
        for path in ("/", "/readyz")
    }
    readiness = api.get(pair.url(service) + "/readyz").json()

    assert shown["/"] == api.get(pair.url(service) + "/").json()
    assert shown["/readyz"]["checks"].keys() == readiness["checks"].keys()


@on_books
def test_the_address_of_the_tutorial_is_deprecated_for_the_one_to_use(document: Document) -> None:
    deprecated = {route: each for route, each in operations(document) if each.get("deprecated")}

    assert [*deprecated] == ["post /book"]
    assert "`POST /books`" in deprecated["post /book"]["description"]


@on_books
def test_answers_with_a_book_have_an_etag(document: Document) -> None:
    one = "/books/{book_id}"
    with_book = {("post /book", "201"), ("post /books", "201"), (f"get {one}", "200"), (f"get {one}", "304")}
    with_book |= {(f"put {one}", "200"), (f"patch {one}", "200")}

    with_etag = {
        (route, status) for route, status, found in responses(document) if "ETag" in found["headers"]
    }

    assert with_book <= with_etag


def test_nothing_is_left_over(document: Document) -> None:
    references = {found["$ref"] for found in objects(document) if "$ref" in found}
    schemes = {name for _, operation in operations(document) for way in operation["security"] for name in way}

    assert set(document["components"]) == {"schemas", "securitySchemes"}
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert schemes == set(document["components"]["securitySchemes"])
