"""Owns the OpenAPI 3.1 document: what every operation has in common, and how a payload is described."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import flask_smorest
import msgspec
from flask import Flask, Response

from common.fields import StrictSchema
from common.problems import DETAILS

PROBLEM = "application/problem+json"
REFERENCE = "#/components/schemas/"
TOKEN = ("bearer", "accessToken")
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "accessToken": {"type": "apiKey", "in": "header", "name": "x-access-tokens"},
    "basic": {"type": "http", "scheme": "basic"},
}
HEADERS: dict[int, dict[str, str]] = {
    201: {"Location": "The address of what was made."},
    401: {"WWW-Authenticate": "How to authenticate (RFC 9110 section 11.6.1)."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": "Seconds to wait."},
}


class Problem(msgspec.Struct, omit_defaults=True):
    """What went wrong (RFC 9457); `message` is the short text that older clients read."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    errors: list[dict[str, str]] = []
    error_count: int = 0


def init_app(app: Flask, *, version: str, blueprints: list[Any]) -> None:
    """Register the blueprints and serve the document of all of them at /openapi.json."""
    app.config.update(API_TITLE=app.config["TITLE"], API_VERSION=version, OPENAPI_VERSION="3.1.0")
    api = flask_smorest.Api(app, spec_kwargs={"servers": [{"url": "/"}]})
    for name, scheme in SCHEMES.items():
        api.spec.components.security_scheme(name, scheme)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    _describe(api, [Problem, *(payload for blueprint in blueprints for payload in blueprint.payloads)])
    document = msgspec.json.encode(api.spec.to_dict())
    app.add_url_rule("/openapi.json", "openapi", lambda: Response(document, mimetype="application/json"))
    app.extensions["openapi"] = document


def document(
    *,
    answers: Mapping[int, msgspec.Struct | None],
    refuses: Mapping[int, str],
    query: type[StrictSchema] | None,
    body: type[StrictSchema] | None,
    body_required: bool,
    security: list[str],
) -> dict[str, Any]:
    """Return the OpenAPI operation: flask-smorest and apispec add the path, the tag and the schemas."""
    errors = {422: DETAILS[422], 500: DETAILS[500], 503: DETAILS[503]}
    if set(security) & set(TOKEN):
        errors[401] = "token is invalid"
    if body:
        errors |= {status: DETAILS[status] for status in (400, 413, 415)}
    responses = {str(status): _problem(status, text) for status, text in {**errors, **refuses}.items()}
    responses |= {str(status): _success(status, example) for status, example in answers.items()}
    operation: dict[str, Any] = {
        "responses": dict(sorted(responses.items())),
        "security": [{name: []} for name in security],
    }
    if query:
        operation["parameters"] = [{"in": "query", "schema": query}]
    if body:
        operation["requestBody"] = {
            "required": body_required,
            "content": {"application/json": {"schema": body, "example": _example(body)}},
        }
    return operation


def _describe(api: flask_smorest.Api, payloads: list[type[msgspec.Struct]]) -> None:
    unique = list(dict.fromkeys(payloads))
    _, components = msgspec.json.schema_components(unique, ref_template=REFERENCE + "{name}")
    for name, schema in components.items():
        api.spec.components.schema(name, schema)


def _success(status: int, example: msgspec.Struct | None) -> dict[str, Any]:
    response = _response(status)
    if example is not None:
        response["content"] = {"application/json": _content(type(example).__name__, example)}
    return response


def _problem(status: int, message: str) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    example = Problem("about:blank", title, status, message, message)
    if status == 422:
        example.errors = [{"pointer": "/name", "detail": "is required"}]
        example.error_count = 1
    return _response(status) | {"content": {PROBLEM: _content("Problem", example)}}


def _content(name: str, example: msgspec.Struct) -> dict[str, Any]:
    return {"schema": {"$ref": REFERENCE + name}, "example": msgspec.to_builtins(example)}


def _response(status: int) -> dict[str, Any]:
    headers = {"X-Request-ID": "The id of this request, as it is logged."} | HEADERS.get(status, {})
    return {
        "description": HTTPStatus(status).phrase,
        "headers": {
            name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
        },
    }


def _example(body: type[StrictSchema]) -> dict[str, Any]:
    fields = body().fields
    return {
        name: field.metadata["examples"][0] for name, field in fields.items() if "examples" in field.metadata
    }
