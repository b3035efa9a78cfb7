"""What a service cannot reach of the other, and nobody of either: databases, networks, secrets, root."""

import base64
import json
import re
from collections.abc import Sequence

import pytest

from tests.cases import every
from tests.e2e.stack import Stack, docker, inspect, service_of
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
from concurrent.futures import ThreadPoolExecutor
def attempt(arguments):
    host, port = arguments
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError as error:
        return type(error).__name__
    return "reached"
print(json.dumps(list(ThreadPoolExecutor(8).map(attempt, json.loads(sys.argv[1])))))
"""

PASSWORDS = {"auth": "auth", "books": "books", "db": "postgres"}  # whose container has which
MEMBERS = {"auth": "python", "books": "python", "db": "postgres", "follower": "flask", "nginx": "nginx"}

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


@every("service, name", MEMBERS.items())
def test_no_process_is_root_or_can_become_it(stack: Stack, service: str, name: str) -> None:
    printed = stack.execute(service, "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null || true")
    texts = [text for text in printed.split("\nName:") if "runc:" not in text]  # which begins a health check
    processes = [dict(re.findall(r"^(\w+):\t(.*)$", text, re.M)) for text in texts]

    assert {"docker-init", name} <= set(re.findall(r"^Name:\t(.*)$", printed, re.M))
    for process in processes:
        assert "0" not in process["Uid"].split() + process["Gid"].split()
        assert {process[f"Cap{kind}"].strip("0") for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {""}
        assert process["NoNewPrivs"] == "1"


def test_no_secret_is_shown_by_the_engine_or_the_logs(stack: Stack) -> None:
    passwords = [
        stack.execute(service, "cat", f"/run/bookstore/{name}/password")
        for service, name in PASSWORDS.items()
    ]
    jwks = json.loads(stack.execute("auth", "cat", "/run/bookstore/keys/keys.json"))["keys"]
    values = [text.encode() for text in (*passwords, *(jwk["k"] for jwk in jwks))]
    values += [base64.urlsafe_b64decode(jwk["k"] + "==") for jwk in jwks]
    containers, logs = stack.containers(ended=True), stack.logs()
    names = [stack.environment[f"{service}_IMAGE"] for service in ("AUTH", "BOOKS")]
    histories = [docker("history", "--no-trunc", name) for name in names]
    shown = [json.dumps(containers), json.dumps([*inspect("image", *names), *histories]), logs]

    assert (min(map(len, values)) >= 32, len({*passwords}), len(containers)) == (True, 3, 9)
    assert " /run/bookstore/keys/keys.json\n" in logs  # made, or kept by a later start
    assert min(map(len, shown)) > 1000
    spelt = {spelling for value in values for spelling in spellings(value)}
    assert [text for text in spelt if any(text in each for each in shown)] == []


def spellings(value: bytes) -> set[str]:
    """Return how a value may be written."""
    coded = {base64.b64encode(value).decode(), base64.urlsafe_b64encode(value).decode()}
    own = {value.decode()} if value.isascii() else set()
    return {value.hex(), *own, *(text.rstrip("=") for text in coded)}
