"""`/openapi.json` and `/docs`: Swagger UI from flask-swagger-ui's files, which needs no network."""

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, render_template, request, send_from_directory
from pydantic_core import to_json

from common.web.routes import reading

OWN = Path(__file__).parent / "static"
SWAGGER_UI = Path(flask_swagger_ui.__file__).parent / "dist"
FILES = {
    "start.js": OWN,
    "favicon-32x32.png": SWAGGER_UI,
    "swagger-ui-bundle.js": SWAGGER_UI,
    "swagger-ui.css": SWAGGER_UI,
}
# Swagger UI sets style attributes and draws its icons from data: addresses; it loads nothing from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("docs", __name__, template_folder="templates")


@blueprint.get("/openapi.json")
@reading
def show_document() -> Response:
    document = current_app.extensions["openapi"] | {"servers": [{"url": request.root_path or "/"}]}
    return Response(to_json(document), mimetype="application/json")


@blueprint.get("/docs")
@reading
def show_page() -> Response:
    page = render_template("docs.html", title=current_app.config["TITLE"])
    return Response(page, headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"})


@blueprint.get(f"/docs/<any({','.join(map(repr, FILES))}):name>")
@reading
def send_file(name: str) -> Response:
    return send_from_directory(FILES[name], name)
