"""Owns how a route is declared: what it reads and answers, and that both stand in its documentation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any

import flask_smorest
import msgspec
from flask import Response, request

from common.web import old_openapi as openapi
from common.web import old_parsing as bodies
from common.web.answers import JSON
from common.web.fields import StrictSchema

View = Callable[..., Response]
Guard = Callable[[], None]
BodyReader = Callable[[list[bodies.Complaint]], dict[str, Any] | None]


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc] # flask-smorest has no types
    """A blueprint whose guards stand before every route, and whose routes read strictly.

    `security` names the OpenAPI security schemes of which one is needed; none means an open route.
    """

    def __init__(
        self,
        name: str,
        import_name: str,
        *,
        description: str,
        guards: Iterable[Guard] = (),
        security: Iterable[str] = (),
    ) -> None:
        super().__init__(name, import_name, description=description)
        self.security = list(security)
        self.schemes: set[str] = set()
        self.payloads: list[type[msgspec.Struct]] = []
        for guard in guards:
            self.before_request(guard)

    def operation(
        self,
        method_and_rule: str,
        *,
        answers: Mapping[int, msgspec.Struct | None],
        refuses: Mapping[int, str] | None = None,
        query: type[StrictSchema] | None = None,
        body: type[StrictSchema] | None = None,
        body_when: Callable[[], bool] | None = None,
        body_types: Sequence[str] = (JSON,),
        security: Iterable[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Callable[[View], View]:
        """Declare a route ("GET /books").

        `answers` holds an example by status (None: no body), `refuses` the message by status of what
        this route refuses besides what every route does, `headers` the headers that its success may have.
        The view is called with the path's variables, the query's parameters and, where it reads one, with
        `body`: None unless `body_when` tells to read it, if that is given.
        """
        method, rule = method_and_rule.split(" ")
        schemes = self.security if security is None else list(security)

        def declare(view: View) -> View:
            parse = body_reader(body(), body_types, body_when) if body else None
            read = reading(view, query() if query else None, parse)
            self.schemes |= set(schemes)
            self.payloads += [type(example) for example in answers.values() if example is not None]
            documented = openapi.document(
                answers=answers,
                refuses=refuses or {},
                query=query,
                body=body,
                body_required=body_when is None,
                body_types=body_types,
                security=schemes,
                headers=headers or {},
            )
            self.route(rule, methods=[method])(self.doc(**documented)(read))
            return view

        return declare


def body_reader(
    schema: StrictSchema, types: Sequence[str], is_wanted: Callable[[], bool] | None
) -> BodyReader:
    """Return what reads a body by the rules of `schema`, and None of one that is not wanted."""

    def read(complaints: list[bodies.Complaint]) -> dict[str, Any] | None:
        if is_wanted is not None and not is_wanted():
            return None
        return bodies.load_body(schema, bodies.read_json(types), complaints)

    return read


def reading(
    view: View,
    query: StrictSchema | None = None,
    read_body: BodyReader | None = None,
) -> View:
    """Return `view` behind the reading of what was sent, whose complaints are told all at once."""
    defaults = query.load({}) if query else {}

    @wraps(view)
    def read(**variables: Any) -> Response:
        complaints: list[bodies.Complaint] = []
        if read_body is not None:
            variables["body"] = read_body(complaints)
        environ = request.environ  # looked up once: each use of a proxy costs as much
        variables |= bodies.load_query(query, complaints) if environ.get("QUERY_STRING") else defaults
        if complaints:
            bodies.refuse(complaints)
        return view(**variables)

    return read
