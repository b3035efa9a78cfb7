"""The files behind /docs: those that the page loads, and nothing else of the package they come from."""

import pytest

from tests import api
from tests.cases import every
from tests.pair import SERVICES, Pair

# Files come from no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

JAVASCRIPT = "text/javascript; charset=utf-8"
TYPES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/docs.js": JAVASCRIPT,
    "/docs/login.js": JAVASCRIPT,
    "/docs/pages.css": "text/css; charset=utf-8",
    "/docs/swagger-ui-bundle.js": JAVASCRIPT,
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/favicon.ico": "image/x-icon",
}


@every("service", SERVICES)
@every("path, kind", TYPES.items())
def test_each_file_is_there_with_its_type(pair: Pair, service: str, path: str, kind: str) -> None:
    answer = api.get(pair.url(service) + path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == kind
    assert answer.content


def test_the_page_has_a_policy_of_its_own(pair: Pair) -> None:
    policy = api.get(pair.url("auth") + "/docs").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_file_is_kept_by_a_browser_and_asked_for_again(pair: Pair) -> None:
    url = pair.url("auth") + "/docs/swagger-ui.css"
    first = api.get(url)

    again = api.get(url, headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "no-cache"
    assert again.status_code == 304
    assert not again.content
