"""Service tokens, good and bad, made without the code under test; and requests that show them."""

import json
import time
from typing import Any

import jwt
import requests

from tests import api
from tests.contract.recipes import Key
from tests.pair import Pair


def service_token(
    key: Key, *, header: dict[str, Any] | None = None, secret: bytes | None = None, **claims: Any
) -> str:
    """Return the token that books would show now, unless the arguments say otherwise.

    "$now+60" is a time in seconds, "$drop" a member that is left out.
    """
    good = {"iss": "bookstore-books", "sub": "bookstore-books", "aud": "bookstore-auth"}
    members = meant(good | {"iat": "$now+0", "exp": "$now+60"} | claims)
    parameters = meant({"typ": "svc+jwt", "kid": key["kid"]} | (header or {}))
    payload = json.dumps(members).encode()
    return jwt.PyJWS().encode(payload, secret or key["secret"], algorithm="HS256", headers=parameters)


def meant(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members that are there, and the times that are meant."""
    return {
        name: int(time.time()) + float(value.removeprefix("$now")) if str(value).startswith("$now") else value
        for name, value in members.items()
        if value != "$drop"
    }


def ask(pair: Pair, token: str, **query: Any) -> requests.Response:
    """Ask auth for events, as `Bearer`."""
    headers = {"Authorization": f"Bearer {token}"}
    return api.get(pair.url("auth") + "/events", params=query, headers=headers, timeout=60)
