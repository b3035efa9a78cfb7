"""`/openapi.json`, `/docs` and the icon: Swagger UI from flask-swagger-ui's files, which needs no network."""

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, request, send_from_directory
from pydantic_core import to_json

from common.web.pages import page
from common.web.routes import reading

OWN = Path(__file__).parent / "static"
SWAGGER_UI = Path(flask_swagger_ui.__file__).parent / "dist"
FILES = {
    "docs.js": OWN,
    "login.js": OWN,
    "pages.css": OWN,
    "swagger-ui-bundle.js": SWAGGER_UI,
    "swagger-ui.css": SWAGGER_UI,
}

blueprint = Blueprint("docs", __name__, template_folder="templates")


@blueprint.get("/openapi.json")
@reading
def show_document() -> Response:
    document = current_app.extensions["openapi"] | {"servers": [{"url": request.root_path or "/"}]}
    return Response(to_json(document), mimetype="application/json")


@blueprint.get("/docs")
@reading
def show_page() -> Response:
    return page("docs.html", styles="'unsafe-inline'")  # Swagger UI sets style attributes


@blueprint.get("/favicon.ico")
@reading
def send_icon() -> Response:
    return send_from_directory(OWN, "favicon.ico", mimetype="image/x-icon")  # the name depends on the machine


@blueprint.get(f"/docs/<any({','.join(map(repr, FILES))}):name>")
@reading
def send_file(name: str) -> Response:
    return send_from_directory(FILES[name], name)
