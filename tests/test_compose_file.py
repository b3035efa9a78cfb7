"""docker-compose.yml says what the documents say, and passes on what the services can be told."""

import re
from configparser import ConfigParser
from typing import Any

import pytest
import yaml

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.server.gunicorn_settings import graceful_timeout
from common.service_list import SERVICES
from common.settings import Settings
from tests.cases import every
from tests.kubernetes.rendered import default_of
from tests.programs import ROOT
from tests.readme import DOCUMENTS, section, variables
from tools.page import HEADERS

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
# What a container has fixed places for, and what is built from others.
FIXED = {"DATA_DIR", "HOST", "PORT", "METRICS_PORT"}
FIXED |= {"AUTH_URL", "FOLLOWER_HEARTBEAT", "FOLLOWER_METRICS_PORT"}  # of the follower
OWN = {"URL_PREFIX", "PUBLIC_URL"}  # with the service's own prefix
ONCE = {"keys", "operator", "db-roles"}
ONCE |= {name for name in COMPOSE["services"] if name.endswith(("-migrate", "-role"))}

TMPFS = re.compile(r"[\w/]+:size=\w+(,mode=1777)?")  # from which nothing can be run
HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "init": True,
    "ulimits": {"core": 0, "nofile": 16384},
}


@pytest.mark.parametrize(("service", "kind"), [("auth", AuthSettings), ("books", BooksSettings)])
def test_every_setting_reaches_the_container(service: str, kind: type[Settings]) -> None:
    environment = COMPOSE["services"][service]["environment"].keys()

    assert variables(kind) - FIXED - OWN - environment == set()
    assert {f"{service.upper()}_{name}" for name in OWN} <= environment


def test_every_variable_and_every_service_is_documented() -> None:
    names = set(re.findall(r"\$\{([A-Z_]+)", TEXT)) - {"REVISION"}  # the commit, which `make up` gives

    assert len(names) > 15
    texts = "".join(document.read_text() for document in DOCUMENTS)
    assert {name for name in names | COMPOSE["services"].keys() if f"`{name}`" not in texts} == set()


def test_what_serves_may_go_through_pgbouncer_and_nothing_else_does() -> None:
    connecting = {name for name, each in COMPOSE["services"].items() if "_DATABASE_URL" in str(each)}
    movable = {name for name in connecting if "@${DATABASE_HOST:-db}/" in str(COMPOSE["services"][name])}

    assert movable == connecting - ONCE


def test_what_is_measured_meets_its_exporters_alone() -> None:
    members = {
        network: {name for name, each in COMPOSE["services"].items() if network in each.get("networks", ())}
        for network in COMPOSE["networks"]
    }

    exporters = {name for name in COMPOSE["services"] if name.endswith("-exporter")}
    assert members["monitoring"] == {"prometheus", *exporters}
    assert members["front-metrics"] == {"nginx", "nginx-exporter", "blackbox-exporter"}
    assert members["database-metrics"] == {"db", "postgres-exporter"}


def test_the_table_of_connections_adds_up() -> None:
    pooler = ConfigParser()
    pooler.read(ROOT / "deploy/pgbouncer/pgbouncer.ini")
    rows = re.findall(
        r"^\| (\d+) \+ (\d+)" + r" \| (\d+)[^|]*" * 4, section("docs/operations.md", "## Connections"), re.M
    )

    assert len(rows) > 4
    for auth, books, workers, size, directly, pooled in [map(int, row) for row in rows]:
        assert directly == (auth + books + 1) * workers * size + 2
        assert pooled == 2 * pooler.getint("pgbouncer", "default_pool_size")


def test_each_base_image_is_named_once_for_a_digest_to_take_its_place() -> None:
    names = re.findall(r"\$\{([A-Z]+_IMAGE):-[a-z]+:[0-9]", TEXT)

    assert sorted(names) == ["NGINX_IMAGE", "POSTGRES_IMAGE", "PYTHON_IMAGE"]


def test_the_page_has_one_policy_in_containers_and_without() -> None:
    text = (ROOT / "deploy/nginx/page.conf").read_text()

    for name, value in HEADERS.items():
        assert re.search(rf'add_header {name} "?{re.escape(value)}"?;', text), name


@every("name", COMPOSE["services"])
def test_no_container_can_do_more_than_it_has_to(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service | HARDENED == service
    assert not {"privileged", "cap_add"} & service.keys()
    assert [each for each in service["tmpfs"] if not TMPFS.fullmatch(each)] == []
    assert mebibytes(default_of(service["mem_limit"])) <= 1024
    assert int(default_of(service["cpu_quota"])) <= 2 * service["cpu_period"]
    assert int(service["pids_limit"]) <= 512
    assert service["logging"]["driver"] == "json-file"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert "bookstore-" in service["image"] or service["user"] not in ("root", "0")
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")


def test_a_service_is_given_more_time_to_stop_than_gunicorn_takes() -> None:
    grace = {COMPOSE["services"][name.replace("_", "-")]["stop_grace_period"] for name in SERVICES}

    assert min(int(period.removesuffix("s")) for period in grace) > graceful_timeout + 5


def mebibytes(size: str) -> int:
    return int(size[:-1]) * {"m": 1, "g": 1024}[size[-1]]
