"""How a route is declared: what it reads stands in its annotations, what it answers in its decorator."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import Any, TypeAlias, get_args, get_type_hints

import flask
from flask import Response, request
from pydantic import TypeAdapter

from common.errors import DomainError
from common.web.field_types import Schema
from common.web.parsing import FieldError, load_json, load_query, load_strings, read_body
from common.web.problems import DETAILS, Problem
from common.web.responses import JSON, adapter

View = Callable[..., Response]
Guard = Callable[[], None]
Reader = Callable[[list[FieldError]], Any]
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
    method: str
    rule: str
    name: str
    responses: Mapping[int, Example]
    errors: Sequence[type[DomainError]]
    headers: Mapping[str, str]
    security: Sequence[str]
    body_types: Sequence[str]
    body_if: Callable[[], bool] | None
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


class ApiBlueprint(flask.Blueprint):
    """A blueprint whose guards stand before every route, and whose routes read strictly.

    `security` names the OpenAPI security schemes of which one is needed; none means open routes. `errors` are
    what each of its routes may refuse, besides what every route does.
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
        body_if: Callable[[], bool] | None = None,
        legacy: str | None = None,
        raw: RawRequest | None = None,
    ) -> Callable[[View], View]:
        """Declare a route ("GET /books"), which may have a second, `legacy` address.

        The view gets the variables of the path, and what its annotations say: `body`, `query` and `headers`,
        each a `Schema`. A `body` is None unless `body_if` says that there is one to read. `responses` holds
        an example by status, `headers` the headers that a success may have, with a description of each.
        """
        method, rule = method_and_rule.split(" ")

        def declare(view: View) -> View:
            operation = Operation(
                view=view,
                method=method,
                rule=rule,
                name=view.__name__,
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
        view, models = operation.view, operation.models
        read = view if operation.raw else reading(view, models, operation.body_types, operation.body_if)
        self.add_url_rule(operation.rule, operation.name, read, methods=[operation.method])
        self.operations.append(operation)


def reading(
    view: View,
    models: Mapping[str, Any] | None = None,
    body_types: Sequence[str] = (JSON,),
    body_if: Callable[[], bool] | None = None,
) -> View:
    """Return `view` behind the reading of what was sent, whose errors are answered all at once."""
    models = models or {}
    readers: dict[str, Reader] = {}
    if "body" in models:
        readers["body"] = _body_reader(adapter(models["body"]), body_types, body_if)
    readers["query"] = _query_reader(adapter(models.get("query", Schema)))
    if "headers" in models:
        readers["headers"] = _header_reader(models["headers"])

    @wraps(view)
    def read(**variables: Any) -> Response:
        errors: list[FieldError] = []
        values = {name: reader(errors) for name, reader in readers.items()}
        if errors:
            raise Problem(422, DETAILS[422], errors=errors)
        if "query" not in models:
            del values["query"]
        return view(**variables, **values)

    return read


def _body_reader(body: TypeAdapter[Any], types: Sequence[str], is_there: Callable[[], bool] | None) -> Reader:
    def read(errors: list[FieldError]) -> Any:
        return load_json(body, read_body(types), errors) if is_there is None or is_there() else None

    return read


def _query_reader(query: TypeAdapter[Any]) -> Reader:
    return lambda errors: load_query(query, request.environ.get("QUERY_STRING", ""), errors)


def _header_reader(model: type[Schema]) -> Reader:
    headers = adapter(model)
    names = [field.alias or name for name, field in model.model_fields.items()]
    variables = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}

    def read(errors: list[FieldError]) -> Any:
        environ = request.environ
        sent = {name: environ[variable] for name, variable in variables.items() if variable in environ}
        return load_strings(headers, sent, "header", errors)

    return read
