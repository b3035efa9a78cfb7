"""`OPTIONS *` asks the server itself: both servers hand it on, and both services answer."""

import pytest

from tests.common.wire import send
from tests.pair import SERVERS, SERVICES
from tests.served import ServedPair


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
@pytest.mark.parametrize("server", SERVERS)
def test_the_server_itself_names_its_methods(own_served_pair: ServedPair, server: str) -> None:
    own_served_pair.environment["SERVER"] = server
    own_served_pair.start()

    for service in SERVICES:
        answer = send(own_served_pair, service, "OPTIONS *")

        assert answer.status_code == 204
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
