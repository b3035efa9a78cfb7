"""What the documents at /openapi.json have to describe."""

from collections.abc import Iterator
from typing import Any

METHODS = {"get", "put", "post", "delete", "patch"}
Document = dict[str, Any]

OPEN = "200 400 422 500"
READS = "200 400 401 422 500 503"
ENDS = "400 401 422 500 503"
WRITES = "400 408 413 415 422 500 503"
# Every route with every status that can come back.
ROUTES = {
    "auth": {
        "get /": OPEN,
        "get /healthz": OPEN,
        "get /readyz": f"{OPEN} 503",
        "post /register": f"201 403 409 429 {WRITES}",
        "post /login": f"200 401 429 {WRITES}",
        "post /refresh": f"200 401 {WRITES}",
        "post /logout": f"200 {WRITES}",
        "get /me": READS,
        "put /me/password": f"200 401 403 429 {WRITES}",
        "delete /me": f"204 409 429 {ENDS}",
        "get /sessions": READS,
        "delete /sessions": f"204 {ENDS}",
        "delete /sessions/{session_id}": f"204 404 {ENDS}",
        "get /users": f"403 {READS}",
        "post /users": f"201 401 403 409 {WRITES}",
        "get /users/{public_id}": f"403 404 {READS}",
        "patch /users/{public_id}": f"200 401 403 404 409 {WRITES}",
        "delete /users/{public_id}": f"204 403 404 409 {ENDS}",
        "get /events": f"410 {READS}",
    },
    "books": {
        "get /": OPEN,
        "get /healthz": OPEN,
        "get /readyz": f"{OPEN} 503",
        "post /book": f"201 401 409 429 {WRITES}",
        "post /books": f"201 401 409 429 {WRITES}",
        "get /books": READS,
        "get /books/export": READS,
        "post /books/import": f"200 401 409 {WRITES}",
        "get /books/{book_id}": f"304 404 412 {READS}",
        "put /books/{book_id}": f"200 401 404 409 412 {WRITES}",
        "patch /books/{book_id}": f"200 401 404 409 412 {WRITES}",
        "delete /books/{book_id}": f"404 412 {READS}",
    },
}


def operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each route (`get /books`) and its operation."""
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield f"{method} {path}", item[method]
