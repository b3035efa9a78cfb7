"""What a browser sees: pages with a policy of their own, and `/docs`: Swagger UI, which needs no network."""

import re
from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Blueprint, Response, current_app, render_template, request, send_from_directory
from pydantic_core import to_json

from common.settings import Settings
from common.web.routes import reading

PORT = re.compile(r":[0-9]*$")
# Nothing is loaded from elsewhere, and a form sends nothing but by the page's own script.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' {styles}; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
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


def prefers_page() -> bool:
    """Tell whether the client would rather read HTML than JSON, which is for all who do not care."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def page(template: str, *, styles: str = "", **values: Any) -> Response:
    """Return a page of this service; `styles` are more sources of styles than its files."""
    settings: Settings = current_app.extensions["settings"]
    others = {name: address_of(name, url, own_name=settings.service) for name, url in settings.others}
    html = render_template(template, others=others, **values)
    policy = POLICY.format(styles=styles).replace(" ;", ";")
    return Response(html, headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


def address_of(name: str, public_url: str, *, own_name: str) -> str:
    """Return where a browser finds another service, without a slash at its end.

    That is its setting. Without one it is beside this service: under its name if a proxy has both under their
    names (/shop/auth, /shop/books), or else at its port of the host that was asked.
    """
    if not public_url.startswith(":"):
        return public_url
    folder, _, last = request.root_path.rpartition("/")
    return f"{folder}/{name}" if last == own_name else f"//{PORT.sub('', request.host)}{public_url}"


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
