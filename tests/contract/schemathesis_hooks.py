"""What no schema can say of a request, told to Schemathesis: each hook with its reason.

A hook only moves a request towards the rule; Schemathesis then looks again whether the schema allows it, and
expects the service to accept or to refuse it accordingly.
"""

import os
import re
import secrets
import unicodedata
from typing import Any

import requests
import schemathesis
from requests.auth import _basic_auth_str
from schemathesis import Case, HookContext
from schemathesis.core import NOT_SET

from auth_service.passwords import COMMON_PASSWORDS


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Give the rules of the operation to the request."""
    del context, kwargs
    if "cursor" in case.query:
        take_real_cursor(case)
    if case.operation.label == "POST /login":
        log_in_without_a_body(case)
    if case.operation.label == "POST /register" and isinstance(case.body, dict):
        write_in_normal_form(case.body)
        choose_uncommon_password(case.body)


def take_real_cursor(case: Case[Any]) -> None:
    """A cursor is good only for the list, and the filter, that gave it out: ask for one.

    One that breaks its own pattern is sent as it is.
    """
    cursor = case.query["cursor"]
    if not (isinstance(cursor, str) and re.fullmatch("[A-Za-z0-9_-]+", cursor)):
        return
    address = case.operation.schema.get_base_url() + case.operation.path
    query = {name: value for name, value in case.query.items() if name == "name"}
    headers = {"Authorization": f"Bearer {os.environ['SCHEMATHESIS_TOKEN']}"}
    page = requests.get(address, {**query, "limit": "1"}, headers=headers, timeout=30)
    if page.ok and page.json()["next"]:
        case.query["cursor"] = page.json()["next"]
    else:
        del case.query["cursor"]


def log_in_without_a_body(case: Case[Any]) -> None:
    """Basic credentials are what a login without a body needs; beside them a body is not read at all."""
    if case.body is NOT_SET:
        credentials = os.environ["SCHEMATHESIS_NAME"], os.environ["SCHEMATHESIS_PASSWORD"]
        case.headers["Authorization"] = _basic_auth_str(*credentials)


def write_in_normal_form(body: dict[str, Any]) -> None:
    """The lengths of names and passwords count after normalisation; a name has no invisible characters."""
    if isinstance(name := body.get("name"), str):
        seen = "".join(character for character in name if not is_invisible(character))
        body["name"] = unicodedata.normalize("NFKC", " ".join(unicodedata.normalize("NFKC", seen).split(" ")))
    if isinstance(password := body.get("password"), str):
        body["password"] = unicodedata.normalize("NFC", password)


def is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cn", "Co", "Cs")


def choose_uncommon_password(body: dict[str, Any]) -> None:
    """A password of the right length may still be one of the common ones, or the name."""
    password, name = body.get("password"), body.get("name")
    if not isinstance(password, str) or len(password) < 8:
        return
    folded = password.casefold().strip()
    if folded in COMMON_PASSWORDS or (isinstance(name, str) and looks_of(password) == looks_of(name)):
        body["password"] = secrets.token_hex(16)


def looks_of(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()
