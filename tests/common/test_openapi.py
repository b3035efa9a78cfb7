"""The documents at /openapi.json: valid, whole, and without anything that is not so."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests import api
from tests.pair import SERVICES, Pair

METHODS = {"get", "put", "post", "delete", "patch"}
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
        "post /register": f"201 409 429 {WRITES}",
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
        "get /users/{public_id}": f"403 404 {READS}",
        "patch /users/{public_id}": f"200 401 403 404 409 {WRITES}",
        "delete /users/{public_id}": f"204 403 404 409 {ENDS}",
        "get /events": f"410 {READS}",
    },
    "books": {
        "get /": OPEN,
        "get /healthz": OPEN,
        "get /readyz": f"{OPEN} 503",
        "post /book": f"201 401 409 {WRITES}",
        "post /books": f"201 401 409 {WRITES}",
        "get /books": READS,
        "get /books/export": READS,
        "post /books/import": f"200 401 409 {WRITES}",
        "get /books/{book_id}": f"304 404 412 {READS}",
        "put /books/{book_id}": f"200 401 404 409 412 {WRITES}",
        "patch /books/{book_id}": f"200 401 404 409 412 {WRITES}",
        "delete /books/{book_id}": f"404 412 {READS}",
    },
}
NEEDS_TOKEN: list[dict[str, list[str]]] = [{"bearer": []}, {"accessToken": []}]

# Schemas of what is sent, of which not every member has to be there.
BODIES = {"NewBook", "BookChange", "NewUser", "Credentials", "RefreshRequest", "PasswordChange", "UserChange"}

HAVE_NO_CURSOR = {"/events", "/books/export", "/books/import"}

Document = dict[str, Any]
Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def document(pair: Pair, service: str) -> Document:
    answer = api.get(pair.url(service) + "/openapi.json", timeout=30)
    assert answer.headers["Content-Type"] == "application/json"
    found: Document = answer.json()
    return found


def operations(document: Document) -> Iterator[Operation]:
    """Yield method, path and operation of every route."""
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield method, path, item[method]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in the document."""
    if isinstance(value, dict):
        yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inside)


def responses(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield where it is, the status and the response object of every answer."""
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            yield f"{method} {path}", status, response


def validator(document: Document, schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """Return a validator of `schema`, whose references point into the document."""
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described_with_every_status_and_no_other(service: str, document: Document) -> None:
    described = {
        f"{method} {path}": set(operation["responses"]) for method, path, operation in operations(document)
    }

    assert described == {route: set(statuses.split()) for route, statuses in ROUTES[service].items()}


def test_operations_have_a_name_of_their_own_a_summary_and_a_tag(document: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for _, _, operation in operations(document):
        assert operation["summary"].endswith(".")
        assert set(operation["tags"]) <= tags


def test_every_example_keeps_its_schema(document: Document) -> None:
    contents = [
        content
        for holder in objects(document["paths"])
        if "content" in holder
        for content in holder["content"].values()
    ]

    assert contents
    for content in contents:
        validator(document, content["schema"]).validate(content["example"])


def test_examples_and_defaults_of_members_keep_their_schema(document: Document) -> None:
    schemas = [schema for schema in objects(document) if "type" in schema and "name" not in schema]
    values = [
        (schema, value)
        for schema in schemas
        for value in [*schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]
    ]

    assert values
    for schema, value in values:
        validator(document, schema).validate(value)


def test_every_error_is_a_problem_document(document: Document) -> None:
    for where, status, response in responses(document):
        if status >= "400" and where != "get /readyz":
            assert set(response["content"]) == {"application/problem+json"}
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, where


@pytest.mark.parametrize(
    ("status", "header"),
    [("201", "Location"), ("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")],
)
def test_headers_that_are_always_there_are_required(
    service: str, document: Document, status: str, header: str
) -> None:
    found = [response for _, code, response in responses(document) if code == status]

    assert found or (service, status) == ("books", "429")
    for response in found:
        assert response["headers"][header]["required"]
        assert response["headers"]["X-Request-ID"]["required"]


def test_only_the_open_routes_need_no_credentials(document: Document) -> None:
    for method, path, operation in operations(document):
        if path in ("/", "/healthz", "/readyz", "/register", "/refresh", "/logout"):
            assert operation["security"] == []
        elif (method, path) == ("delete", "/me"):
            assert operation["security"] == [{"basic": []}]
        elif path == "/login":
            assert operation["security"] == [{"basic": []}, {}]
            assert not operation["requestBody"]["required"]
        elif path == "/events":
            assert operation["security"] == [{"service": []}]
        else:
            assert operation["security"] == NEEDS_TOKEN


def test_bodies_refuse_unknown_members_and_give_every_member_a_type(document: Document) -> None:
    for _, _, operation in operations(document):
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = document["components"]["schemas"][reference.rpartition("/")[2]]
            assert schema["additionalProperties"] is False
            assert all({"type", "anyOf"} & set(member) for member in schema["properties"].values())


def test_members_of_answers_are_all_required(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for name in set(schemas) - {"Problem", "FieldError"} - BODIES:
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"]), name


@pytest.mark.parametrize(
    ("service", "path", "schema"),
    [
        (
            "books",
            "/books/{book_id}",
            {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1},
        ),
        ("auth", "/users/{public_id}", {"type": "string", "format": "uuid"}),
        ("auth", "/sessions/{session_id}", {"type": "string", "format": "uuid"}),
    ],
)
def test_variables_of_a_path_tell_their_form(document: Document, path: str, schema: dict[str, Any]) -> None:
    [parameter] = document["paths"][path]["parameters"]

    assert parameter["in"] == "path"
    assert parameter["schema"] == schema


def test_parameters_of_a_query_tell_their_form(document: Document) -> None:
    queries = [
        parameters_in("query", operation)
        for _, path, operation in operations(document)
        if path not in HAVE_NO_CURSOR
    ]
    lists = [parameters for parameters in queries if parameters]

    assert lists
    for parameters in lists:
        by_name = {parameter["name"]: parameter for parameter in parameters}
        assert by_name["limit"]["schema"] == {"type": "integer", "default": 50, "minimum": 1, "maximum": 200}
        assert by_name["cursor"]["schema"] == {"type": "string", "pattern": "^[A-Za-z0-9._-]+$"}
        assert all(parameter["description"] for parameter in parameters)


def parameters_in(place: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operation's parameters of a kind ("query", "header")."""
    return [found for found in operation.get("parameters", []) if found["in"] == place]


@pytest.mark.parametrize("service", ["books"], indirect=True)
def test_headers_that_a_route_reads_are_told(document: Document) -> None:
    headers = {
        f"{method} {path}": [header["name"] for header in parameters_in("header", operation)]
        for method, path, operation in operations(document)
    }

    conditions = [f"{method} /books/{{book_id}}" for method in ("get", "put", "patch", "delete")]
    assert {route: names for route, names in headers.items() if names} == {
        "post /book": ["Idempotency-Key"],
        "post /books": ["Idempotency-Key"],
    } | {route: ["If-Match", "If-None-Match"] for route in conditions}


@pytest.mark.parametrize("service", ["books"], indirect=True)
def test_a_patch_has_a_media_type_of_its_own(document: Document) -> None:
    content = document["paths"]["/books/{book_id}"]["patch"]["requestBody"]["content"]

    assert list(content) == ["application/merge-patch+json", "application/json"]
    assert content["application/merge-patch+json"] == content["application/json"]


@pytest.mark.parametrize(("status", "kind"), [("201", "post"), ("200", "put"), ("304", "get")])
@pytest.mark.parametrize("service", ["books"], indirect=True)
def test_answers_with_a_book_have_an_etag(document: Document, status: str, kind: str) -> None:
    found = [
        operation["responses"][status]
        for method, path, operation in operations(document)
        if method == kind
        and path in ("/book", "/books", "/books/{book_id}")
        and (method, path) != ("get", "/books")
    ]

    assert found
    assert all("ETag" in response["headers"] for response in found)


def test_the_parameters_of_a_shelf_tell_what_they_take(pair: Pair) -> None:
    document = api.get(pair.url("books") + "/openapi.json", timeout=30).json()
    parameters = document["paths"]["/books"]["get"]["parameters"]

    schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
    assert not any(parameter["required"] for parameter in parameters)
    assert set(schemas) == {"limit", "cursor", "sort", "q", "name", "Author", "Publisher"}
    sorts = ["id", "name", "Author", "book_prize", "created_at"]
    assert set(schemas["sort"]["enum"]) == {*sorts, *(f"-{sort}" for sort in sorts)}
    assert schemas["sort"]["default"] == "id"
    assert schemas["q"]["maxLength"] == schemas["name"]["maxLength"] == 200
    for member in ("q", "name", "Author", "Publisher"):
        assert schemas[member]["examples"]


@pytest.mark.parametrize("service", ["books"])
def test_files_have_their_media_types_and_their_choices(document: Document) -> None:
    types = {"text/csv", "application/x-ndjson"}
    given, taken = document["paths"]["/books/export"]["get"], document["paths"]["/books/import"]["post"]

    assert set(given["responses"]["200"]["content"]) == set(taken["requestBody"]["content"]) == types
    [form] = given["parameters"]
    assert (form["schema"], form["required"]) == ({"type": "string", "enum": ["csv", "ndjson"]}, False)
    by_name = {parameter["name"]: parameter["schema"] for parameter in taken["parameters"]}
    assert by_name == {
        "dry_run": {"type": "integer", "default": 0, "minimum": 0, "maximum": 1},
        "on_duplicate": {"type": "string", "default": "skip", "enum": ["skip", "fail"]},
    }


def test_nothing_is_left_over(document: Document) -> None:
    references = {found["$ref"] for found in objects(document) if "$ref" in found}

    assert set(document["components"]) == {"schemas", "securitySchemes"}
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    asked = {
        name for _, _, operation in operations(document) for way in operation["security"] for name in way
    }
    assert asked == set(document["components"]["securitySchemes"])
