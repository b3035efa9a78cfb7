"""What admins do to users, and users to themselves."""

import re
from typing import Any

import requests

from tests import api
from tests.people import PASSWORD, Person

OTHER = "a cheese of another colour"
NOBODY = "00000000-0000-4000-8000-000000000000"
MEMBERS = {"public_id", "name", "admin", "disabled", "created_at", "last_login_at"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def change_user(admin: Person, person: Person | str, /, **members: Any) -> requests.Response:
    public_id = person if isinstance(person, str) else person.public_id
    return admin.patch(f"/users/{public_id}", members, "auth")


def delete_user(admin: Person, person: Person) -> requests.Response:
    return admin.delete(f"/users/{person.public_id}", "auth")


def delete_me(person: Person, path: str = "/me", **options: Any) -> requests.Response:
    """Send the request with the right credentials, unless the options say otherwise."""
    if "headers" not in options:
        options.setdefault("auth", (person.name, PASSWORD))
    return api.delete(person.pair.url("auth") + path, **options)


def change_password(
    person: Person, new: object, current: object = PASSWORD, **options: Any
) -> requests.Response:
    """Let somebody choose another password."""
    body = {"current_password": current, "new_password": new}
    return person.put("/me/password", body, "auth", **options)
