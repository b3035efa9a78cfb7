"""What a service cannot reach of the other, and nobody of either: databases, networks, secrets, ports."""

import json
from collections.abc import Sequence

import pytest

from tests.e2e.stack import Stack, inspect, service_of
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
def test_a_service_gets_into_its_own_database_and_into_no_other(
    stack: Stack, service: str, other: str
) -> None:
    password = f"/run/bookstore/{service}/password"
    refused = {name: f'permission denied for database "{name}"' for name in (other, "postgres", "template1")}
    wrong = {role: f'password authentication failed for user "{role}"' for role in (other, "postgres")}
    attempts = [
        (service, service, password),
        *((service, name, password) for name in refused),
        *((role, "postgres", password) for role in wrong),
        *((role, "postgres", "") for role in wrong),
    ]

    own, *foreign = outcomes(stack, service, CONNECT, attempts)

    assert own == "connected"
    expected = [*refused.values(), *wrong.values(), *["no password supplied"] * len(wrong)]
    for text, outcome in zip(expected, foreign, strict=True):
        assert text in outcome


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


def test_no_network_leads_out_and_nginx_alone_is_published(stack: Stack) -> None:
    containers = stack.containers()
    names = {name for container in containers for name in container["NetworkSettings"]["Networks"]}
    networks = inspect("network", *names)

    assert len(networks) == 9
    assert all(
        network["Internal"] or network["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
        for network in networks
    )
    published = {
        (service_of(container), binding["HostIp"], binding["HostPort"])
        for container in containers
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    assert published == {("nginx", "127.0.0.1", str(port)) for port in stack.ports.values()}


def test_what_a_container_keeps_is_in_a_volume_with_a_name(stack: Stack) -> None:
    mounts = [
        mount
        for container in stack.containers(ended=True)
        for mount in container["Mounts"]
        if mount["Type"] == "volume"
    ]

    assert len(mounts) > 6
    assert [mount for mount in mounts if not mount["Name"].startswith(stack.project)] == []
