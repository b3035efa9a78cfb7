"""Owns `/openapi.json` and `/docs`: Swagger UI from flask-swagger-ui's files, which needs no network."""

from pathlib import Path

import flask_swagger_ui
from flask import Flask, Response, send_from_directory

from common.web.routes import reading

FOLDER = Path(flask_swagger_ui.__file__).parent / "dist"
FILES = ("favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css")
# Swagger UI sets style attributes and draws its icons from data: addresses; it loads nothing from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# Without "omit" a browser opens its own dialog at a wrong login (401 with a challenge of Basic), and the page
# waits for it. What the page itself puts into Authorization is sent all the same.
START = """window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => Object.assign(request, {credentials: "omit"}),
});
"""


def init_app(app: Flask) -> None:
    """Serve the document, the page and the files that it loads; call when the document is written."""
    document, page = app.extensions["openapi"], PAGE.format(title=app.config["TITLE"])
    show_document = reading(lambda: Response(document, mimetype="application/json"))
    app.add_url_rule("/openapi.json", "openapi", show_document)
    app.add_url_rule("/docs", "docs", reading(lambda: _answer(page, "text/html")))
    app.add_url_rule("/docs/start.js", "docs_start", reading(lambda: _answer(START, "text/javascript")))
    send_file = reading(send_from_directory)
    for name in FILES:
        app.add_url_rule(
            f"/docs/{name}", "docs_file", send_file, defaults={"directory": FOLDER, "path": name}
        )


def _answer(text: str, mimetype: str) -> Response:
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return Response(text, mimetype=mimetype, headers=headers)
