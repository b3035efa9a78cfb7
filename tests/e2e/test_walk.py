"""From a fresh clone to a running stack, and what is left of it afterwards."""

import jwt
import pytest

from tests import api
from tests.e2e.stack import MakeStack, Stack
from tests.readme import WALKER, walk

pytestmark = pytest.mark.compose


def log_in(stack: Stack) -> str:
    """Log in as the walk's somebody and return the token."""
    answer = api.post(stack.url("auth") + "/login", auth=WALKER)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def seen_with(stack: Stack, token: str) -> list[object]:
    """Return what both services answer to this token, without the time of the last login."""
    headers = {"Authorization": f"Bearer {token}"}
    asked = [("auth", "/me"), ("books", "/books")]
    answers = [api.get(stack.url(name) + path, headers=headers) for name, path in asked]
    assert [answer.status_code for answer in answers] == [200, 200]
    return [answer.json() | {"last_login_at": None} for answer in answers]


def test_a_fresh_clone_takes_the_walk_outlives_down_and_up_and_leaves_nothing(make_stack: MakeStack) -> None:
    stack = make_stack().up()
    assert not (stack.folder / ".env").exists()

    walk(auth=stack.url("auth"), books=stack.url("books"))
    token = log_in(stack)
    seen = seen_with(stack, token)

    stack.compose("down")
    stack.up()
    assert seen_with(stack, token) == seen
    again = log_in(stack)
    assert jwt.get_unverified_header(again) == jwt.get_unverified_header(token)
    assert seen_with(stack, again) == seen

    assert len(stack.left_behind()) > len(stack.containers())
    stack.down()
    assert stack.left_behind() == []


def test_the_first_start_says_nothing_odd_of_the_keys_and_their_rotation_is_audited(stack: Stack) -> None:
    said = [line.partition("| ")[2].split()[0] for line in stack.logs("keys").splitlines()]
    new = stack.run("operator", "flask", "--app=auth_service", "keys", "rotate")
    entries = stack.execute("auth", "flask", "--app=auth_service", "audit")

    assert said[:5] == ["made"] * 5
    assert set(said[5:]) <= {"kept"}  # of every later start of the stack
    assert f'key.rotated detail="{new}"' in entries


def test_what_a_container_keeps_is_in_a_volume_with_a_name(stack: Stack) -> None:
    mounts = [
        mount
        for container in stack.containers(ended=True)
        for mount in container["Mounts"]
        if mount["Type"] == "volume"
    ]

    assert len(mounts) > 6
    assert [mount for mount in mounts if not mount["Name"].startswith(stack.project)] == []


def test_nginx_alone_is_published_and_on_loopback_alone(stack: Stack) -> None:
    published = {
        (container["Config"]["Labels"]["com.docker.compose.service"], binding["HostIp"], binding["HostPort"])
        for container in stack.containers()
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }

    assert published == {("nginx", "127.0.0.1", str(port)) for port in stack.ports.values()}
