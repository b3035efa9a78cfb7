"""The files behind /docs: those that the page loads, and nothing else of the package they come from."""

import pytest
import requests

from tests.pair import SERVICES, Pair
from tests.people import assert_problem

TYPES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/start.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/favicon-32x32.png": "image/png",
}


def fetch(pair: Pair, service: str, path: str, **headers: str) -> requests.Response:
    """Ask for `path` to the letter: requests would take dots out of it."""
    request = requests.Request("GET", pair.url(service), headers=headers).prepare()
    request.url = pair.url(service) + path
    with requests.Session() as session:
        return session.send(request, timeout=30, allow_redirects=False)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("path", TYPES)
def test_each_file_is_there_with_its_type(pair: Pair, service: str, path: str) -> None:
    answer = fetch(pair, service, path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == TYPES[path]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content


def test_the_page_has_a_policy_of_its_own(pair: Pair) -> None:
    policy = fetch(pair, "auth", "/docs").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_file_is_kept_by_a_browser_and_asked_for_again(pair: Pair) -> None:
    first = fetch(pair, "auth", "/docs/swagger-ui.css")

    again = fetch(pair, "auth", "/docs/swagger-ui.css", **{"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "no-cache"
    assert again.status_code == 304
    assert not again.content


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "path",
    [
        "/docs/",
        "/docs/nothing.js",
        "/docs/oauth2-redirect.html",
        "/docs/index.css",
        "/docs/../common/web/docs.py",
        "/docs/%2e%2e/%2e%2e/__init__.py",
        "/docs/..%2f__init__.py",
        "/docs/..%5c__init__.py",
        "/docs//etc/passwd",
        "/docs/%2fetc%2fpasswd",
        "/docs/swagger-ui.css/",
        "/docs/swagger-ui.css%00",
    ],
)
def test_nothing_else_is_there(pair: Pair, service: str, path: str) -> None:
    assert_problem(fetch(pair, service, path), 404)
