"""The OpenAPI 3.1 document of all routes."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask
from pydantic_core import to_json

from common.web.openapi_schemas import (
    FILE,
    REFERENCE,
    SCHEMES,
    TEXT,
    Json,
    PlainSchema,
    References,
    schemas_of,
)
from common.web.parsing import type_rule
from common.web.problems import DETAILS, PROBLEM_JSON, Problem, problem, title
from common.web.responses import JSON, adapter
from common.web.routes import ApiBlueprint, Example, Operation

TOKEN = ("bearer", "accessToken")
SERVICE = ("service",)
VARIABLE = re.compile(r"<(?:(\w+):)?(\w+)>")
DESCRIPTION = (
    "JSON in UTF-8 both ways, save for files of books. Every error is `application/problem+json` (RFC 9457)."
    " Members and query parameters that are not listed here are refused with 422."
)


def _header(description: str, type: str = "string", **schema: Any) -> Json:  # noqa: A002 - as in JSON Schema
    return {"description": description, "required": True, "schema": {"type": type, **schema}}


REQUEST_ID = _header("The id of this request, as it is logged.", pattern="^[A-Za-z0-9._-]{1,64}$")
RETRY_AFTER = _header("Seconds to wait.", "integer", minimum=1)
CHALLENGE = _header("How to authenticate (RFC 9110 section 11.6.1).", pattern="^(?:Basic|Bearer) realm=")
# Headers that a response of this status always has.
HEADERS: Mapping[int, Json] = {
    201: {"Location": _header("The address of the new resource.", format="uri-reference")},
    401: {"WWW-Authenticate": CHALLENGE},
    429: {"Retry-After": RETRY_AFTER},
    503: {"Retry-After": RETRY_AFTER},
}


def init_app(app: Flask, *, version: str, blueprints: Sequence[ApiBlueprint]) -> None:
    """Register the blueprints, and write the document of all of them."""
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    app.extensions["openapi"] = to_json(document(app, version, blueprints))


def document(app: Flask, version: str, blueprints: Sequence[ApiBlueprint]) -> Json:
    """Return the document of the routes of `blueprints`."""
    operations = [operation for blueprint in blueprints for operation in blueprint.operations]
    references, schemas = schemas_of(operations)
    paths: dict[str, Json] = {}
    for blueprint in blueprints:
        for operation in blueprint.operations:
            path = paths.setdefault(VARIABLE.sub(r"{\2}", operation.rule), _variables(app, operation.rule))
            described = _operation(operation, references)
            path[operation.method.lower()] = {"tags": [blueprint.name], **described}
    used = {name for operation in operations for name in operation.security}
    return {
        "openapi": "3.1.0",
        "info": {"title": app.config["TITLE"], "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": each.name, "description": each.description} for each in blueprints],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {name: scheme for name, scheme in SCHEMES.items() if name in used},
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
    responses = {status: _error(operation, status, text) for status, text in _errors(operation).items()}
    for status, example in operation.responses.items():
        responses[status] = _success(operation, status, example, references)
    members = {
        "summary": summary.replace("\n", " "),
        "description": description.replace("\n", " "),
        "operationId": operation.name,
        "deprecated": operation.deprecated,
        "parameters": _parameters(operation),
        "requestBody": _request_body(operation, references),
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }
    security: list[Json] = [{name: []} for name in operation.security]
    if operation.body_if:
        security.append({})  # a client that sends the body instead of the credentials needs none
    return {name: value for name, value in members.items() if value} | {"security": security}


def _errors(operation: Operation) -> Mapping[int, str]:
    """Return the errors of a route by status: those of every route of its kind, and its own."""
    texts = {status: DETAILS[status] for status in _common_errors(operation)}
    if 415 in texts:
        texts[415] = type_rule(operation.raw.files if operation.raw else operation.body_types)
    own: dict[int, list[str]] = {}
    for error in operation.errors:
        own.setdefault(error.status, []).append(error.message)
    return texts | {status: ", or ".join(messages) for status, messages in own.items()}


def _common_errors(operation: Operation) -> list[int]:
    has_body = "body" in operation.models or operation.raw is not None
    statuses = [400, 422, 500]  # 400 for a bad Host
    if {*TOKEN, *SERVICE} & {*operation.security}:
        statuses.append(401)
    if has_body:
        statuses += [408, 413, 415]
    if has_body or operation.security:
        statuses.append(503)  # what reads nothing and checks nobody needs no database
    return statuses


def _error(operation: Operation, status: int, text: str) -> Json:
    """Return the response object of an error."""
    errors = [_field_error(operation)] if status == 422 else None
    example = problem(Problem(status, text, errors=errors))
    return _response(status, {PROBLEM_JSON: {"schema": {"$ref": REFERENCE + "Problem"}, "example": example}})


def _field_error(operation: Operation) -> Mapping[str, str | int]:
    if operation.raw:
        return {"line": 2, "pointer": "/price", "detail": "unknown field"}
    where = {"pointer": "/price"} if "body" in operation.models else {"parameter": "page"}
    return {**where, "detail": "unknown field"}


def _success(operation: Operation, status: int, example: Example, references: References) -> Json:
    """Return the response object of an answer like `example`."""
    content = None
    if isinstance(example, Mapping):
        content = _files(example)
    elif example is not None:
        kind: Any = type(example)
        plain = adapter(kind).dump_python(example, mode="json")
        content = {JSON: {"schema": references[kind, "serialization"], "example": plain}}
    return _response(status, content, operation.headers)


def _response(status: int, content: Json | None, headers: Mapping[str, str] | None = None) -> Json:
    own = {name: {"description": text, "schema": TEXT} for name, text in (headers or {}).items()}
    response = {
        "description": title(status),
        "headers": {"X-Request-ID": REQUEST_ID, **HEADERS.get(status, {}), **own},
    }
    return response | ({"content": content} if content else {})


def _files(examples: Mapping[str, str]) -> Json:
    """Return the content of a file, by media type."""
    return {name: {"schema": FILE, "example": text} for name, text in examples.items()}


def _request_body(operation: Operation, references: References) -> Json:
    if operation.raw:
        return {"required": True, "content": _files(operation.raw.files)}
    model = operation.models.get("body")
    if model is None:
        return {}
    examples = {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}
    content = {"schema": references[model, "validation"], "example": examples}
    return {"required": not operation.body_if, "content": dict.fromkeys(operation.body_types, content)}


def _parameters(operation: Operation) -> list[Json]:
    return [
        {"in": place, "name": name, "required": name in schema.get("required", []), **_parameter(member)}
        for argument, place in (("query", "query"), ("headers", "header"))
        if argument in operation.models
        for schema in [adapter(operation.models[argument]).json_schema(schema_generator=PlainSchema)]
        for name, member in schema["properties"].items()
    ]


def _parameter(schema: Json) -> Json:
    """Return what is said of a parameter, whose description stands beside its schema."""
    return {"description": schema.pop("description", ""), "schema": schema}
