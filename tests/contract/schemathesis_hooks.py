"""What no schema can say of a request, told to Schemathesis: each hook with its reason.

A hook only moves a request towards the rule; Schemathesis then looks again whether the schema allows it, and
expects the service to accept or to refuse it accordingly.
"""

import functools
import json
import os
import re
import secrets
import unicodedata
from typing import Any

import regex
import requests
import schemathesis
from requests.auth import _basic_auth_str
from schemathesis import Case, HookContext
from schemathesis.core import NOT_SET

from auth_service.passwords.policy import COMMON_PASSWORDS
from books_service.transfer.formats import IMPORTED

OF_ONESELF = {"DELETE /sessions", "DELETE /sessions/{session_id}", "PUT /me/password"}
# The members of bodies that hold a new password.
PASSWORD_OF = {
    "POST /register": "password",
    "POST /users": "password",
    "PUT /me/password": "new_password",
    "PATCH /users/{public_id}": "password",
}
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY = re.compile("[!-~]{1,255}")
NOT_IN_NAMES = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Greek}\p{Cyrillic}]")
NOT_OF_NAMES = {"Cf", "Cn", "Co", "Cs"}  # categories, as this Python's Unicode has them
CHANGES_USERS = {"PATCH /users/{public_id}", "DELETE /users/{public_id}"}


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Give the rules of the operation to the request."""
    del context, kwargs
    if "cursor" in case.query:
        take_real_cursor(case)
    if KEY.fullmatch(str(case.headers.get("Idempotency-Key", ""))):
        case.headers["Idempotency-Key"] = secrets.token_hex(16)  # one that was used is good for one body
    if case.operation.label == "POST /login":
        log_in_without_a_body(case)
    if case.operation.label in OF_ONESELF:
        act_as_somebody_else(case)
    if case.operation.label in CHANGES_USERS:
        leave_others_alone(case)
    if isinstance(case.body, dict):
        obey_rules_of_body(case.body, case.operation.label)
    if isinstance(case.body, str) and case.operation.label == "POST /books/import":
        write_as_book(case)


def obey_rules_of_body(body: dict[str, Any], label: str) -> None:
    """Make of a body what no schema can ask for."""
    if label in PASSWORD_OF:
        write_in_normal_form(body)
        choose_uncommon_password(body, PASSWORD_OF[label])
    if label == "POST /refresh":
        show_real_token(body)


def take_real_cursor(case: Case[Any]) -> None:
    """A cursor is good only for the list, the sort and the filters that gave it out: ask for one.

    One that breaks its own pattern is sent as it is.
    """
    cursor = case.query["cursor"]
    if not (isinstance(cursor, str) and re.fullmatch("[A-Za-z0-9._-]+", cursor)):
        return
    address = case.operation.schema.get_base_url() + case.operation.path
    query = {name: value for name, value in case.query.items() if name not in ("cursor", "limit")}
    headers = {"Authorization": f"Bearer {os.environ['SCHEMATHESIS_TOKEN']}"}
    page = requests.get(address, {**query, "limit": "1"}, headers=headers, timeout=30)
    if page.ok and page.json()["next"]:
        case.query["cursor"] = page.json()["next"]
    else:
        del case.query["cursor"]


def act_as_somebody_else(case: Case[Any]) -> None:
    """The run's own session must not end, or every later request is 401, nor may the admin have to wait
    for wrong passwords: somebody new ends a session of its own, and changes a password that it knows.

    What comes without a good token is sent as it is.
    """
    if (token := os.environ["SCHEMATHESIS_TOKEN"]) not in str(case.headers):
        return
    person = register()
    for name in {"Authorization", "x-access-tokens"} & set(case.headers):
        case.headers[name] = case.headers[name].replace(token, person["token"])
    if UUID.fullmatch(str(case.path_parameters.get("session_id"))):
        case.path_parameters["session_id"] = person["refresh_token"].partition(".")[0]
    if isinstance(case.body, dict) and isinstance(case.body.get("current_password"), str):
        case.body["current_password"] = person["password"]


def leave_others_alone(case: Case[Any]) -> None:
    """The run's admin, and the people of other tests, must not be changed or deleted: let somebody new be.

    The run finds their ids in the lists of users. An id that nobody has is sent as it is.
    """
    public_id = str(case.path_parameters.get("public_id"))
    if not UUID.fullmatch(public_id):
        return
    address = f"{os.environ['SCHEMATHESIS_URL']}/users/{public_id}"
    headers = {"Authorization": f"Bearer {os.environ['SCHEMATHESIS_TOKEN']}"}
    if requests.get(address, headers=headers, timeout=30).ok:
        case.path_parameters["public_id"] = register()["public_id"]


def show_real_token(body: dict[str, Any]) -> None:
    """A refresh token is good only if it was issued: send such a one, unless this one breaks its own rule."""
    token = body.get("refresh_token")
    if isinstance(token, str) and token.isprintable() and token.strip():
        body["refresh_token"] = refresh_token()


@functools.cache
def refresh_token() -> str:
    """Return a token whose successor nobody uses, so that it stays good; a hash for each would take long."""
    return str(register()["refresh_token"])


def write_as_book(case: Case[Any]) -> None:
    """A schema cannot tell which text is a file of books: let it be in the name of one that is new."""
    name = "".join(each for each in str(case.body) if unicodedata.category(each) not in ("Cc", "Cs"))[:190]
    book = (f"{secrets.token_hex(4)} {name}", "Ann", "Press", 12)
    form = IMPORTED[str(case.media_type)]
    case.body = (form.head + form.write([book])).decode()


@schemathesis.serializer(*IMPORTED)
def write_file(_context: Any, value: Any) -> bytes:
    """A text is sent as it is, anything else as JSON, which is no file of books."""
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")


def register() -> dict[str, Any]:
    """Register somebody and return the answer, and the password."""
    credentials = {"name": secrets.token_hex(16), "password": secrets.token_hex(16)}
    answer = requests.post(os.environ["SCHEMATHESIS_URL"] + "/register", json=credentials, timeout=30)
    return {**answer.json(), "password": credentials["password"]}


def log_in_without_a_body(case: Case[Any]) -> None:
    """Basic credentials are what a login without a body needs; beside them a body is not read at all."""
    if case.body is NOT_SET:
        credentials = os.environ["SCHEMATHESIS_NAME"], os.environ["SCHEMATHESIS_PASSWORD"]
        case.headers["Authorization"] = _basic_auth_str(*credentials)


def write_in_normal_form(body: dict[str, Any]) -> None:
    """The lengths of names and passwords count after normalisation; a name has no invisible characters.

    Nor does it mix letters of scripts that look alike.
    """
    if isinstance(name := body.get("name"), str):
        known = "".join(each for each in name if unicodedata.category(each) not in NOT_OF_NAMES)
        seen = NOT_IN_NAMES.sub("", unicodedata.normalize("NFKC", known))
        body["name"] = unicodedata.normalize("NFKC", " ".join(seen.split(" ")))
    for member in PASSWORD_OF.values():
        if isinstance(password := body.get(member), str):
            body[member] = unicodedata.normalize("NFC", password)


def choose_uncommon_password(body: dict[str, Any], member: str) -> None:
    """A password of the right length may still be one of the common ones, the name, or the one there is."""
    password, name = body.get(member), body.get("name")
    if not isinstance(password, str) or len(password) < 8:
        return
    folded = password.casefold().strip()
    is_name = isinstance(name, str) and looks_of(password) == looks_of(name)
    if folded in COMMON_PASSWORDS or is_name or password == body.get("current_password"):
        body[member] = secrets.token_hex(16)


def looks_of(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()
