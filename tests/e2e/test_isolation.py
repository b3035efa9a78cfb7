"""What a service cannot reach of the other, and nobody of either: databases, networks, secrets, ports."""

import json
from collections.abc import Sequence

import pytest

from tests.e2e.stack import Stack, inspect
from tests.pair import SERVICES

pytestmark = pytest.mark.compose

# Each prints, as JSON, how each of the attempts in its arguments ended.
CONNECT = """
import json, sys, psycopg
def attempt(user, database, password_file):
    password = open(password_file).read() if password_file else None
    try:
        psycopg.connect(host="db", user=user, dbname=database, password=password, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error)
    return "connected"
print(json.dumps([attempt(*arguments) for arguments in json.loads(sys.argv[1])]))
"""
REACH = """
import json, socket, sys
def attempt(host, port):
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError as error:
        return type(error).__name__
    return "reached"
print(json.dumps([attempt(*arguments) for arguments in json.loads(sys.argv[1])]))
"""

both_ways = pytest.mark.parametrize(("service", "other"), [SERVICES, SERVICES[::-1]])


def outcomes(stack: Stack, service: str, script: str, attempts: Sequence[Sequence[object]]) -> list[str]:
    """Run one of the scripts in the container of a service; return how each attempt ended."""
    command = ["env", "RES_OPTIONS=timeout:1 attempts:1", "python", "-c", script, json.dumps(attempts)]
    done: list[str] = json.loads(stack.execute(service, *command))
    return done


@both_ways
def test_the_role_of_a_service_is_refused_by_every_database_but_its_own(
    stack: Stack, service: str, other: str
) -> None:
    password = f"/run/bookstore/{service}/password"
    databases = [service, other, "postgres", "template1"]

    own, *foreign = outcomes(stack, service, CONNECT, [(service, name, password) for name in databases])

    assert own == "connected"
    for name, outcome in zip(databases[1:], foreign, strict=True):
        assert f'permission denied for database "{name}"' in outcome


@both_ways
def test_no_other_role_lets_a_service_in(stack: Stack, service: str, other: str) -> None:
    password = f"/run/bookstore/{service}/password"
    roles = ["postgres", other]

    guessed = outcomes(stack, service, CONNECT, [(role, "postgres", password) for role in roles])
    without = outcomes(stack, service, CONNECT, [(role, "postgres", "") for role in roles])

    for role, outcome in zip(roles, guessed, strict=True):
        assert f'password authentication failed for user "{role}"' in outcome
    assert all("no password supplied" in outcome for outcome in without)


@both_ways
def test_a_service_cannot_find_or_reach_the_other(stack: Stack, service: str, other: str) -> None:
    networks = stack.container(other)["NetworkSettings"]["Networks"].values()
    port = {"auth": 5001, "books": 5002}[other]
    addresses = [(network["IPAddress"], port) for network in networks]

    assert len(addresses) == {"auth": 4, "books": 3}[other]  # one for the follower
    assert outcomes(stack, other, REACH, [*addresses, ("db", 5432)]) == ["reached"] * (len(addresses) + 1)
    assert outcomes(stack, service, REACH, [("db", 5432), (other, port)]) == ["reached", "gaierror"]
    assert set(outcomes(stack, service, REACH, addresses)) <= {"TimeoutError", "OSError"}


@both_ways
def test_a_service_has_its_own_password_and_may_not_change_a_secret(
    stack: Stack, service: str, other: str
) -> None:
    files = stack.execute(service, "find", "/run/bookstore", "-type", "f").splitlines()
    mounts = [mount for mount in stack.container(service)["Mounts"] if mount["Type"] == "volume"]

    assert sorted(files) == [f"/run/bookstore/{service}/password", "/run/bookstore/keys/keys.json"]
    assert [mount["RW"] for mount in mounts] == [False, False]
    assert f"/run/bookstore/{other}" not in {mount["Destination"] for mount in mounts}


def test_no_network_leads_out(stack: Stack) -> None:
    names = {name for container in stack.containers() for name in container["NetworkSettings"]["Networks"]}
    networks = inspect("network", *names)

    assert len(networks) == 9
    assert all(
        network["Internal"] or network["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
        for network in networks
    )


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
