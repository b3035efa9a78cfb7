"""How a route is declared: what it reads stands in its annotations, what it answers in its decorator."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cache, partial, wraps
from typing import Any, TypeAlias, get_args, get_type_hints

from flask import Blueprint, Response, request
from pydantic import TypeAdapter

from common.errors import DomainError, InvalidRequest
from common.web.field_types import Schema
from common.web.parsing import Condition, FieldError, read_headers, read_json, read_query

JSON = "application/json"

View = Callable[..., Response]
Reader = Callable[[type[Schema], list[FieldError]], Any]  # adds to the list what is wrong
Guard = Callable[[], None]
Security = Mapping[str, Mapping[str, Any]]  # OpenAPI's security schemes, of which one is needed
Example: TypeAlias = object  # a payload, texts by media type, or None for a response without a body


class ApiBlueprint(Blueprint):
    """A blueprint whose guards stand before every route, and whose routes read strictly.

    Without `security`, its routes are open.
    """

    def __init__(
        self, name: str, *, description: str, guards: Sequence[Guard] = (), security: Security | None = None
    ) -> None:
        super().__init__(name, __name__)
        self.description = description
        self.guards = guards
        self.operations: list[Operation] = []
        self.operation = partial(Operation, self, security=security or {})  # decorates a view
        self.before_request(self.call_guards)

    def call_guards(self) -> None:
        """Let each guard look at the request; a CORS preflight carries no credentials."""
        if request.environ["REQUEST_METHOD"] != "OPTIONS":
            for guard in self.guards:
                guard()


@dataclass
class Operation:
    """A route, declared by decorating its view.

    The view gets the variables of the path, and what its annotations name: `body`, `query` and `headers`,
    each a `Schema`. A view of `files` reads the body itself, and adds to the `errors` of the rest its own.
    """

    blueprint: ApiBlueprint
    address: str  # "GET /books"
    _: KW_ONLY
    security: Security
    responses: Mapping[int, Example]  # an example by status
    errors: Sequence[type[DomainError]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)  # of a success, with a description of each
    body_types: Collection[str] = (JSON,)
    body_if: Condition | None = None  # without it there is always a body
    files: Mapping[str, str] = field(default_factory=dict)  # an example of each, by media type
    file_description: str = ""
    legacy: str = ""  # a second, deprecated path
    successor: str = ""  # of a deprecated address: the one to use

    def __call__(self, view: View) -> View:
        self.view = view
        self.name = f"{view.__name__}_legacy" if self.successor else view.__name__
        self.method, self.rule = self.address.split(" ")
        self.models = models_of(view)
        read = reading(view, self.body_types, self.body_if)
        self.blueprint.add_url_rule(self.rule, self.name, read, methods=[self.method])
        self.blueprint.operations.append(self)
        if self.legacy:
            address = f"{self.method} {self.legacy}"
            replace(self, address=address, legacy="", successor=self.address)(view)
        return view


def models_of(view: View) -> dict[str, type[Schema]]:
    """Return what a view reads, in the order in which errors are listed."""
    hints = get_type_hints(view, include_extras=True)
    return {name: _not_none(hints[name]) for name in ("body", "query", "headers") if name in hints}


def _not_none(hint: Any) -> Any:
    return next((part for part in get_args(hint) if part is not type(None)), hint)


def reading(view: View, body_types: Collection[str] = (), body_if: Condition | None = None) -> View:
    """Return `view` behind the reading of what was sent; all that is wrong with it is one 422."""
    read_body = partial(read_json, types=body_types, body_if=body_if)
    readers: dict[str, Reader] = {"body": read_body, "query": read_query, "headers": read_headers}
    models = models_of(view)
    is_without_query = "query" not in models
    is_given_errors = "errors" in view.__annotations__

    @wraps(view)
    def read(**variables: Any) -> Response:
        errors: list[FieldError] = []
        for name, model in models.items():
            variables[name] = readers[name](model, errors)
        if is_without_query and request.environ.get("QUERY_STRING"):  # it is refused
            read_query(Schema, errors)
        if is_given_errors:
            variables["errors"] = errors
        elif errors:
            raise InvalidRequest(errors)
        return view(**variables)

    return read


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what reads and writes values of this type, which is made once."""
    return TypeAdapter(kind)


def json_response(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `payload`, a dataclass, as JSON."""
    kind: Any = type(payload)
    return Response(adapter(kind).dump_json(payload), status, headers, content_type=JSON)


def empty_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that has no body and says nothing of one, such as 204 or 304."""
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response
