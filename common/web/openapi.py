"""The OpenAPI 3.1 document of all routes."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Flask
from pydantic import MISSING, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from common.errors import BrokenBody, DomainError, InvalidRequest, TokenRejected, TokenRevoked, Unavailable
from common.tokens.access import TokenExpired
from common.web.guard import TokenMissing
from common.web.parsing import NotJson, UnsupportedMediaType
from common.web.problems import PROBLEM_JSON, default_code, default_message, problem, title
from common.web.routes import JSON, ApiBlueprint, Example, Operation, adapter

Json = dict[str, Any]
References = Mapping[tuple[Any, JsonSchemaMode], Json]

REFERENCE = "#/components/schemas/"
VARIABLE = re.compile(r"<(?:(\w+):)?(\w+)>")
DESCRIPTION = (
    "Bodies are JSON in UTF-8, unless a route names another type. Every error is `application/problem+json`"
    " (RFC 9457). Members and query parameters that are not listed here are refused with 422."
)
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
PROBLEM_SCHEMAS: Mapping[str, Json] = {
    "FieldError": {
        "type": "object",
        "description": (
            "What is wrong with one part of a request, in the body, in the query or in a header. `line` is"
            " that of a file, and `pointer` then points into what stands there."
        ),
        "properties": dict.fromkeys(("detail", "pointer", "parameter", "header"), TEXT) | {"line": NUMBER},
        "required": ["detail"],
    },
    "Problem": {
        "type": "object",
        "description": "What went wrong (RFC 9457): `code` is one word for one case, `message` for people.",
        "properties": {
            **dict.fromkeys(("type", "title", "code", "detail", "message"), TEXT),
            **dict.fromkeys(("status", "error_count"), NUMBER),
            "errors": {"type": "array", "items": {"$ref": REFERENCE + "FieldError"}},
        },
        "required": ["type", "title", "status", "code", "detail", "message"],
    },
}


def _header(description: str, type: str = "string", **schema: Any) -> Json:  # noqa: A002 - as in JSON Schema
    return {"description": description, "required": True, "schema": {"type": type, **schema}}


# Headers that every response has, and those that one of this status always has.
REQUEST_ID = {
    "X-Request-ID": _header("The id of this request, as logged.", pattern="^[A-Za-z0-9._=|:;+/@-]{1,128}$")
}
RETRY_AFTER = {"Retry-After": _header("Seconds to wait.", "integer", minimum=1)}
CHALLENGE = _header("How to authenticate (RFC 9110 section 11.6.1).", pattern="^(?:Basic|Bearer) realm=")
HEADERS = {
    201: {"Location": _header("The address of the new resource.", format="uri-reference")},
    401: {"WWW-Authenticate": CHALLENGE},
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}


class PlainSchema(GenerateJsonSchema):
    """pydantic's schemas without titles made of names; what is answered is answered whole."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        if self.mode == "serialization":
            return field["schema"].get("default") is not MISSING
        return super().field_is_required(field, total)


def init_app(app: Flask, *, version: str, blueprints: Sequence[ApiBlueprint]) -> None:
    """Register the blueprints, and write the document of all of them."""
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    app.extensions["openapi"] = document(app, version, blueprints)


def document(app: Flask, version: str, blueprints: Sequence[ApiBlueprint]) -> Json:
    """Return the document of the routes of `blueprints`; where the server is depends on the request."""
    operations = [operation for blueprint in blueprints for operation in blueprint.operations]
    references, schemas = schemas_of(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        path = paths.setdefault(VARIABLE.sub(r"{\2}", operation.rule), _variables(app, operation.rule))
        path[operation.method.lower()] = _operation(operation, references)
    about = {"title": app.config["TITLE"], "summary": app.config["SUMMARY"]}
    return {
        "openapi": "3.1.0",
        "info": {**about, "version": version, "description": DESCRIPTION},
        "tags": [{"name": each.name, "description": each.description} for each in blueprints],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                name: scheme for each in operations for name, scheme in each.security.items()
            },
        },
    }


def _variables(app: Flask, rule: str) -> Json:
    """Return the path item that describes the variables of a path, by the schemas of their converters."""
    parameters = [
        {"in": "path", "name": name, "required": True, "schema": schema}
        for converter, name in VARIABLE.findall(rule)
        for schema in [getattr(app.url_map.converters[converter or "default"], "schema", TEXT)]
    ]
    return {"parameters": parameters} if parameters else {}


def _operation(operation: Operation, references: References) -> Json:
    summary, _, description = (inspect.getdoc(operation.view) or "").partition("\n\n")
    if operation.successor:
        description = f"Deprecated: the same as `{operation.successor}`."
    where = {"pointer": "/price"} if "body" in operation.models else {"parameter": "page"}
    responses = {status: _error(status, cases, where) for status, cases in _errors(operation).items()}
    for status in responses.keys() - {error.status for error in operation.errors}:
        responses[status]["x-common"] = True  # no more this route's than another's: /docs folds it
    for status, example in operation.responses.items():
        responses[status] = _describe(status, _content(example, references), operation.headers)
    members = {
        "tags": [operation.blueprint.name],
        "summary": summary.replace("\n", " "),
        "description": description.replace("\n", " "),
        "operationId": operation.name,
        "deprecated": bool(operation.successor),
        "parameters": _parameters(operation),
        "requestBody": _request_body(operation, references),
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }
    security: list[Json] = [{name: []} for name in operation.security]
    if operation.body_if:
        security.append({})  # a client that sends the body instead of the credentials needs none
    return {name: value for name, value in members.items() if value} | {"security": security}


def _errors(operation: Operation) -> Mapping[int, Mapping[str, str]]:
    """Return the errors of a route, messages by status and code: those of its kind, and its own."""
    statuses = [400, 500]  # 400 for a bad Host
    if VARIABLE.search(operation.rule):
        statuses.append(404)  # for what is no id
    errors: list[DomainError | type[DomainError]] = [InvalidRequest, *operation.errors]
    if operation.security:
        errors.append(Unavailable)
        if 401 not in [error.status for error in errors]:
            errors += (TokenMissing, TokenRejected, TokenExpired, TokenRevoked)
    if "body" in operation.models or operation.files:
        statuses += [408, 413]
        errors += [BrokenBody, UnsupportedMediaType(operation.files or operation.body_types), Unavailable]
    if "body" in operation.models:
        errors.append(NotJson)
    found = {status: {default_code(status): default_message(status)} for status in statuses}
    for error in errors:
        found.setdefault(error.status, {})[error.code] = error.message
    return found


def _error(status: int, cases: Mapping[str, str], where: Mapping[str, str]) -> Json:
    """Return the response object of errors; `where` is what an invalid request could be wrong about."""
    example = problem(status, *next(iter(cases.items())))
    if status == 422:
        example |= {"errors": [{**where, "detail": "unknown field"}], "error_count": 1}
    schema = {"$ref": REFERENCE + "Problem", "properties": {"code": {"enum": [*cases]}}}
    response = _describe(status, {PROBLEM_JSON: {"schema": schema, "example": example}}, {})
    texts = "; ".join(f"{message} (`{code}`)" for code, message in cases.items())
    return response | {"description": f"{title(status)}: {texts}"}


def _describe(status: int, content: Json, headers: Mapping[str, str]) -> Json:
    own = {name: {"description": text, "schema": TEXT} for name, text in headers.items()}
    response = {"description": title(status), "headers": REQUEST_ID | HEADERS.get(status, {}) | own}
    return response | ({"content": content} if content else {})


def _content(example: Example, references: References) -> Json:
    if example is None or isinstance(example, Mapping):
        return _files(example or {})
    kind: Any = type(example)
    plain = adapter(kind).dump_python(example, mode="json")
    return {JSON: {"schema": references[kind, "serialization"], "example": plain}}


def _files(examples: Mapping[str, str]) -> Json:
    """Return the content of a file, by media type; its format means bytes to generated clients."""
    schema = {"type": "string", "format": "binary"}
    return {name: {"schema": schema, "example": text} for name, text in examples.items()}


def _request_body(operation: Operation, references: References) -> Json:
    if operation.files:
        content = _files(operation.files)
        return {"required": True, "description": operation.file_description, "content": content}
    model = operation.models.get("body")
    if model is None:
        return {}
    examples = {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}
    content = {"schema": references[model, "validation"], "example": examples}
    return {"required": not operation.body_if, "content": dict.fromkeys(operation.body_types, content)}


def _parameters(operation: Operation) -> list[Json]:
    """Return the parameters of a route; the description of each stands beside its schema."""
    return [
        {
            "in": place,
            "name": name,
            "required": name in schema.get("required", []),
            "description": member.pop("description", ""),
            "schema": member,
        }
        | ({"allowEmptyValue": True} if place == "query" else {})
        for part, place in (("query", "query"), ("headers", "header"))
        if part in operation.models
        for schema in [operation.models[part].model_json_schema(schema_generator=PlainSchema)]
        for name, member in schema["properties"].items()
    ]


def schemas_of(operations: Iterable[Operation]) -> tuple[References, Json]:
    """Return a reference to each body and payload, and the schemas that they refer to."""
    kinds = dict.fromkeys(kind for operation in operations for kind in _kinds(operation))
    inputs = [(kind, mode, adapter(kind)) for kind, mode in kinds]
    references, schemas = TypeAdapter.json_schemas(
        inputs, ref_template=REFERENCE + "{model}", schema_generator=PlainSchema
    )
    return references, {**PROBLEM_SCHEMAS, **schemas.get("$defs", {})}


def _kinds(operation: Operation) -> Iterable[tuple[Any, JsonSchemaMode]]:
    if "body" in operation.models:
        yield operation.models["body"], "validation"
    for example in operation.responses.values():
        if not isinstance(example, Mapping | None):
            yield type(example), "serialization"
