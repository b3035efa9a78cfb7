"""Owns the OpenAPI 3.1 document: the operations, and what all of them have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import flask_smorest
import msgspec
from flask import Flask
from flask_smorest.spec.plugins import FlaskPlugin
from marshmallow import fields

from common.web.fields import AnyText, Flag, StrictSchema, WholeNumber
from common.web.old_parsing import rule_of_types
from common.web.old_responses import REFERENCE, FieldError, Problem, as_answered, problem, success
from common.web.paths import PublicId, RowNumber
from common.web.problems import DETAILS

UNKNOWN_MEMBER = FieldError("is not known here", pointer="/price")
UNKNOWN_PARAMETER = FieldError("is not known here", parameter="page")

TOKEN = ("bearer", "accessToken")
SERVICE = ("service",)
DESCRIPTION = (
    "JSON in UTF-8 both ways, save for files of books. Every error is `application/problem+json` (RFC 9457)."
    " Members and query parameters that are not listed here are refused with 422."
)
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`token` of a login or a registration.",
    },
    "accessToken": {
        "type": "apiKey",
        "in": "header",
        "name": "x-access-tokens",
        "description": "The same token in a header of its own, without a word before it.",
    },
    "service": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token that another service signed with the shared key, good for a minute.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "Name and password (RFC 7617, UTF-8)."},
}


class Paths(FlaskPlugin):  # type: ignore[misc] # flask-smorest has no types
    """Names each operation after its view."""

    def path_helper(self, rule: Any, operations: dict[str, Any], parameters: list[Any], **kwargs: Any) -> str:
        for operation in operations.values():
            operation["operationId"] = rule.endpoint.rpartition(".")[2]
        path: str = super().path_helper(rule, operations, parameters, **kwargs)
        return path


class Api(flask_smorest.Api):  # type: ignore[misc] # flask-smorest has no types
    """flask-smorest without its own shape of errors."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA: ClassVar = {"$ref": REFERENCE + "Problem"}


def init_app(app: Flask, *, version: str, blueprints: list[Any]) -> dict[str, Any]:
    """Register the blueprints and return the document of all of them."""
    app.config.update(API_TITLE=app.config["TITLE"], API_VERSION=version, OPENAPI_VERSION="3.1.0")
    about = {"info": {"description": DESCRIPTION}, "servers": [{"url": "/"}], "flask_plugin": Paths()}
    api = Api(app, spec_kwargs=about)
    _teach(api)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    used = set().union(*(blueprint.schemes for blueprint in blueprints))
    for name in filter(
        used.__contains__, SCHEMES
    ):  # in this order: /docs gives a token to the first `bearer`
        api.spec.components.security_scheme(name, SCHEMES[name])
    _describe(
        api, [Problem, FieldError, *(payload for blueprint in blueprints for payload in blueprint.payloads)]
    )
    document: dict[str, Any] = api.spec.to_dict()
    return document


def document(
    *,
    answers: Mapping[int, msgspec.Struct | None],
    refuses: Mapping[int, str],
    query: type[StrictSchema] | None,
    body: type[StrictSchema] | None,
    body_required: bool,
    body_types: Sequence[str],
    security: list[str],
    headers: Mapping[str, str],
) -> dict[str, Any]:
    """Return the OpenAPI operation: flask-smorest and apispec add the path, the tag and the schemas."""
    errors = {status: DETAILS[status] for status in _common_refusals(body, security)}
    errors |= {415: rule_of_types(body_types)} if body else {}
    errors |= refuses
    responses = {status: problem(status, text) for status, text in errors.items()}
    responses[422] = problem(422, DETAILS[422], UNKNOWN_MEMBER if body else UNKNOWN_PARAMETER)
    responses |= {status: success(status, example, headers) for status, example in answers.items()}
    # Whoever may send the body instead of the credentials needs none.
    alternatives: list[dict[str, list[str]]] = [] if body_required else [{}]
    operation: dict[str, Any] = {
        "responses": {str(status): responses[status] for status in sorted(responses)},
        "security": [{name: []} for name in security] + alternatives,
    }
    parameters: list[dict[str, Any]] = []
    if query:
        parameters.append({"in": "query", "schema": query})
    if parameters:
        operation["parameters"] = parameters
    if body:
        content = {"schema": body, "example": _example(body)}
        operation["requestBody"] = {
            "required": body_required,
            "content": {media_type: dict(content) for media_type in body_types},
        }
    return operation


def _common_refusals(body: type[StrictSchema] | None, security: list[str]) -> list[int]:
    """Return the statuses with which any route of this kind may refuse."""
    statuses = [400, 422, 500]  # 400 for a Host that is none
    if set(security) & {*TOKEN, *SERVICE}:
        statuses.append(401)
    if body:
        statuses += [408, 413, 415]
    if body or security:
        statuses.append(503)  # what neither reads nor asks who is there needs no database
    return statuses


def _teach(api: Api) -> None:
    """Tell flask-smorest what our own fields and path variables are in OpenAPI."""
    api.register_field(AnyText, "string", None)
    api.register_field(WholeNumber, "integer", None)
    api.register_field(Flag, "boolean", None)
    for converter in (PublicId, RowNumber):
        api.register_converter(converter, lambda variable: dict(variable.schema))
    api.ma_plugin.converter.add_attribute_function(_without_null_default)
    # It describes a header of flask-smorest's own pages, which are not ours.
    api.spec.components.schemas.pop("PaginationMetadata")


def _without_null_default(_converter: Any, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Leave out that a value not given is read as None, where null cannot be sent."""
    if "default" in ret and ret["default"] is None and not field.allow_none:
        del ret["default"]
    return {}


def _describe(api: Api, payloads: list[type[msgspec.Struct]]) -> None:
    unique = {payload.__name__: payload for payload in payloads}
    _, components = msgspec.json.schema_components(unique.values(), ref_template=REFERENCE + "{name}")
    for name, schema in components.items():
        api.spec.components.schema(name, as_answered(schema, unique.get(name)))


def _example(body: type[StrictSchema]) -> dict[str, Any]:
    members = body().fields
    return {
        name: member.metadata["examples"][0]
        for name, member in members.items()
        if "examples" in member.metadata
    }
