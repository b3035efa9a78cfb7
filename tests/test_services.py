"""services.toml is the one list of the services: what cannot read it says the same."""

import re
from typing import Any

import pytest
import yaml

from common import healthcheck
from common.service_list import FOLLOWING, SERVICES
from tests.cases import every
from tests.programs import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NGINX = (ROOT / "deploy/nginx/nginx.conf").read_text()
PROMETHEUS = (ROOT / "deploy/monitoring/prometheus.yml").read_text()
PROCFILE = (ROOT / "Procfile").read_text()


def host_of(service: str) -> str:
    """Return the name of a service as a host: without underscores."""
    return service.replace("_", "-")


def test_the_list_names_the_packages_and_no_port_twice() -> None:
    ports = [port for service in SERVICES.values() for port in service.values()]

    assert next(iter(SERVICES)) == "auth"  # which is backed up last
    assert {f"{name}_service" for name in SERVICES} == {path.name for path in ROOT.glob("*_service")}
    assert len({*ports}) == len(ports)


@every("service", SERVICES)
def test_a_service_is_started_by_make_run_and_asked_through_nginx(service: str) -> None:
    port = SERVICES[service]["port"]

    assert re.search(rf"^{service}: exec python -m common\.server {service}_service$", PROCFILE, re.M)
    assert f"{port} {host_of(service)}$domain:{port};" in NGINX
    assert f"include /tmp/listen-{port}.conf;" in NGINX


@every("service", FOLLOWING)
def test_a_service_that_reads_the_feed_has_a_follower(service: str) -> None:
    command = ["flask", f"--app={service}_service", "follow"]

    assert f"exec flask --app {service}_service follow\n" in PROCFILE
    assert [each for each in COMPOSE["services"].values() if each.get("command") == command]


@every("service", SERVICES)
def test_compose_has_all_that_a_service_needs(service: str) -> None:
    host, services, port = host_of(service), COMPOSE["services"], SERVICES[service]["port"]
    password = f"${{{service.upper()}_PASSWORD_FOLDER:-{host}-password}}:/run/bookstore/{service}"

    assert services[host]["build"]["args"]["SERVICE"] == f"{service}_service"
    assert services[f"{host}-migrate"]["command"] == ["flask", f"--app={service}_service", "db", "upgrade"]
    assert password in services["keys"]["volumes"]
    assert f"{password}:ro" in services["db-roles"]["volumes"]
    assert f'role {service} "$${service.upper()}_PASSWORD_FILE";' in services["db-roles"]["command"][0]
    assert f"{host}-database" in services["db"]["networks"]
    assert services[f"{host}-pgbouncer"]["networks"] == {f"{host}-database": {"aliases": ["pgbouncer"]}}
    assert services[f"{host}-pgbouncer"]["environment"]["ROLE"] == service
    assert host in services["nginx"]["depends_on"]
    assert host in services["nginx"]["networks"]
    published = f"${{{service.upper()}_PORT:-{port}}}:{port}"
    assert f"${{BIND_ADDRESS:-127.0.0.1}}:{published}" in services["nginx"]["ports"]
    assert {host, f"{host}-database"} <= COMPOSE["networks"].keys()
    assert f"{host}-password" in COMPOSE["volumes"]


@every("service", SERVICES)
def test_prometheus_asks_each_replica_of_a_service_and_the_front_door(service: str) -> None:
    host, ports = host_of(service), SERVICES[service]
    metrics = f"{host}-metrics"

    assert COMPOSE["services"][host]["environment"]["METRICS_HOST"] == metrics
    assert COMPOSE["services"][host]["networks"][metrics] == {"aliases": [metrics]}
    assert COMPOSE["networks"][metrics] == {"internal": True}
    assert metrics in COMPOSE["services"]["prometheus"]["networks"]
    assert f"{{names: [{metrics}], type: A, port: {ports['metrics_port']}, " in PROMETHEUS
    assert f'"https://nginx:{ports["port"]}/readyz"], labels: {{service: {host}}}' in PROMETHEUS


@pytest.mark.parametrize("script", ["backup", "restore", "rolling-restart"])
def test_a_script_reads_the_list(script: str) -> None:
    lines = (ROOT / "deploy" / script).read_text().splitlines()
    code = [line for line in lines if not line.startswith("#")]

    assert any("services.toml" in line for line in code)
    assert not any(re.search(r"\bbooks\b", line) for line in code)


@every("service", SERVICES)
def test_the_health_check_of_a_container_knows_the_port(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    assert healthcheck.port_of(f"{service}_service") == SERVICES[service]["port"]
