"""Requests to a service, in this process or over the network: `requests`, without a look for proxies."""

from functools import partial
from typing import Any

import requests

from tests.in_process import Adapter

TIMEOUT = 30  # seconds


def new_session() -> requests.Session:
    """Return a client; there are no proxies on the way."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", Adapter())
    return session


def request(method: str, url: str, **options: Any) -> requests.Response:
    """Send a request over a connection of its own; wait for the answer no longer than usual."""
    with new_session() as session:
        return session.request(method, url, **{"timeout": TIMEOUT} | options)


get = partial(request, "GET")
post = partial(request, "POST")
put = partial(request, "PUT")
delete = partial(request, "DELETE")
