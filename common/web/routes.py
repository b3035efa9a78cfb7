"""How a route is declared: what it reads stands in its annotations, what it answers in its decorator."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import Any, TypeAlias, get_args, get_type_hints

from flask import Blueprint, Flask, Response, abort, request

from common.errors import DomainError, InvalidRequest
from common.web.field_types import Schema
from common.web.parsing import Condition, FieldError, Reader, body_reader, header_reader, query_reader
from common.web.responses import JSON

View = Callable[..., Response]
Guard = Callable[[], None]
Example: TypeAlias = object  # a payload, texts by media type, or None for a response without a body


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request that the view reads itself: its query, and a file that has an example by media type."""

    query: type[Schema]
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A route as it was declared."""

    view: View
    name: str
    method: str
    rule: str
    responses: Mapping[int, Example]
    errors: Sequence[type[DomainError]]
    headers: Mapping[str, str]
    security: Sequence[str]
    body_types: Sequence[str]
    body_if: Condition | None
    raw: RawRequest | None
    deprecated: bool = False

    @cached_property
    def models(self) -> dict[str, Any]:
        """Return the models that the view reads: of its `body`, `query` and `headers`."""
        if self.raw:
            return {"query": self.raw.query}
        hints = get_type_hints(self.view, include_extras=True)
        return {name: _not_none(hints[name]) for name in ("body", "query", "headers") if name in hints}


def _not_none(hint: Any) -> Any:
    return next((part for part in get_args(hint) if part is not type(None)), hint)


class ApiBlueprint(Blueprint):
    """A blueprint whose guards stand before every route, and whose routes read strictly.

    `security` names the OpenAPI security schemes of which one is needed; none means open routes. `errors` are
    those that any of its routes may raise.
    """

    def __init__(
        self,
        name: str,
        import_name: str,
        *,
        description: str,
        guards: Iterable[Guard] = (),
        security: Sequence[str] = (),
        errors: Sequence[type[DomainError]] = (),
    ) -> None:
        super().__init__(name, import_name)
        self.description = description
        self.security = security
        self.errors = errors
        self.operations: list[Operation] = []
        for guard in guards:
            self.before_request(guard)

    def operation(
        self,
        method_and_rule: str,
        *,
        responses: Mapping[int, Example],
        errors: Sequence[type[DomainError]] = (),
        headers: Mapping[str, str] | None = None,
        security: Sequence[str] | None = None,
        body_types: Sequence[str] = (JSON,),
        body_if: Condition | None = None,
        legacy: str | None = None,
        raw: RawRequest | None = None,
    ) -> Callable[[View], View]:
        """Declare a route ("GET /books"), which may have a second, `legacy` address.

        The view gets the variables of the path, and what its annotations name: `body`, `query` and `headers`,
        each a `Schema`. A `body` is None unless `body_if` is true. `responses` holds an example by status,
        `headers` the headers that a success may have, with a description of each.
        """
        method, rule = method_and_rule.split(" ")

        def declare(view: View) -> View:
            operation = Operation(
                view=view,
                name=view.__name__,
                method=method,
                rule=rule,
                responses=responses,
                errors=[*self.errors, *errors],
                headers=headers or {},
                security=self.security if security is None else security,
                body_types=body_types,
                body_if=body_if,
                raw=raw,
            )
            self._add(operation)
            if legacy:
                self._add(replace(operation, rule=legacy, name=f"{view.__name__}_legacy", deprecated=True))
            return view

        return declare

    def _add(self, operation: Operation) -> None:
        view = operation.view
        read = view if operation.raw else reading(view, operation)
        self.add_url_rule(operation.rule, operation.name, read, methods=[operation.method])
        self.operations.append(operation)


def reading(view: View, operation: Operation | None = None) -> View:
    """Return `view` behind the reading of what was sent; all that is wrong with it is one 422."""
    readers = dict(_readers(operation)) if operation else {}
    # No query is read by a view that has no parameters, but what was sent all the same is refused.
    refuse_query = None if "query" in readers else query_reader(Schema)

    @wraps(view)
    def read(**variables: Any) -> Response:
        errors: list[FieldError] = []
        for name, read_part in readers.items():
            variables[name] = read_part(errors)
        if refuse_query:
            refuse_query(errors)
        if errors:
            raise InvalidRequest(errors)
        return view(**variables)

    return read


def _readers(operation: Operation) -> Iterator[tuple[str, Reader]]:
    """Yield what reads the arguments of a view, in the order in which errors are listed."""
    models = operation.models
    if "body" in models:
        yield "body", body_reader(models["body"], operation.body_types, operation.body_if)
    if "query" in models:
        yield "query", query_reader(models["query"])
    if "headers" in models:
        yield "headers", header_reader(models["headers"])


def init_app(app: Flask) -> None:
    """Give each address of `app` one spelling, and never redirect to it."""
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.before_request(refuse_double_slash)


def refuse_double_slash() -> None:
    """Refuse what werkzeug would read as if it began with one slash."""
    if request.environ["PATH_INFO"].startswith("//"):
        abort(404)
