"""The schemas of the OpenAPI document: of what is read and answered, of problems and of credentials."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from common.web.responses import adapter
from common.web.routes import Operation

Json = dict[str, Any]
References = Mapping[tuple[Any, JsonSchemaMode], Json]

REFERENCE = "#/components/schemas/"
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
FILE = {"type": "string", "format": "binary"}  # bytes to generated clients
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
        "description": "What went wrong (RFC 9457); `message` is the short text that older clients read.",
        "properties": {
            **dict.fromkeys(("type", "title", "detail", "message"), TEXT),
            **dict.fromkeys(("status", "error_count"), NUMBER),
            "errors": {"type": "array", "items": {"$ref": REFERENCE + "FieldError"}},
        },
        "required": ["type", "title", "status", "detail", "message"],
    },
}
SCHEMES: Mapping[str, Json] = {  # in this order: /docs gives a token to the first `bearer`
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


class PlainSchema(GenerateJsonSchema):
    """pydantic's schemas without titles made of names; what is answered is answered whole."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Describe a number that may be null by one schema with two types, as people write it."""
        inner = self.generate_inner(schema["schema"])
        if isinstance(inner.get("type"), str) and "enum" not in inner:
            return inner | {"type": [inner["type"], "null"]}
        return super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)


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
