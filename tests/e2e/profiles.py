"""Adds to a stack all that docs/operations.md shows: secrets of the operator's own, PgBouncer, monitoring."""

import re
from ipaddress import ip_network
from secrets import randbelow, token_urlsafe

import yaml

from auth_service.cli import key_file
from tests.e2e.stack import Stack, docker, quicken
from tests.programs import ROOT
from tests.readme import blocks

SECRETS = ["jwt_keys", "auth_password", "books_password", "postgres_password"]
REPLICAS = 2  # of auth
# The disk of the database, so small that it can be filled.
SMALL_DISK = 'volumes: {{database: {{driver_opts: {{type: tmpfs, device: tmpfs, o: "size=512m,uid={}"}}}}}}\n'
# What takes minutes takes seconds here.
QUICKER = {
    "rules.yml": ((r"\[5m\]", "[10s]"), (r"for: \d+[mh]", "for: 2s"), (r"(feed_age\S+) > 60", r"\1 > 20")),
    "prometheus.yml": ((r"\b(14|15|30)s", "2s"),),
}


def add_profiles(stack: Stack) -> dict[str, str]:
    """Add it all before the stack starts, and return the secrets by their names."""
    settings, override = shown_secrets()
    pooled, *_ = blocks("docs/operations.md", "## PgBouncer")
    profiles = pooled.replace("PROFILES=pgbouncer", "PROFILES=pgbouncer,monitoring")
    (stack.folder / ".env").write_text(settings + profiles)
    user = docker("run", "--rm", "--network=none", "postgres:17-trixie", "id", "-u", "postgres")
    text = override + SMALL_DISK.format(user) + subnets(stack)
    (stack.folder / "docker-compose.override.yml").write_text(text)
    stack.environment |= {"AUTH_REPLICAS": str(REPLICAS), "ARGON2_TIME_COST": "10"}
    for name, changes in QUICKER.items():
        quicken(stack.folder / "deploy/monitoring" / name, *changes)
    return make_secrets(stack)


def subnets(stack: Stack) -> str:
    """Give each network addresses of its own: by default an engine has too few for three stacks."""
    names = yaml.safe_load((stack.folder / "docker-compose.yml").read_text())["networks"]
    free = ip_network(f"10.{randbelow(256)}.{randbelow(256)}.0/24").subnets(new_prefix=28)
    chosen = {name: {"ipam": {"config": [{"subnet": str(next(free))}]}} for name in names}
    return yaml.safe_dump({"networks": chosen})


def shown_secrets() -> tuple[str, str]:
    """Return the .env and the override of the document, the secrets in a folder of the stack."""
    operations = (ROOT / "docs/operations.md").read_text()
    block = r"^```sh\n((?:[A-Z_]+_FILE=[^\n]*\n)+)```$.*?^```yaml\n(.*?)^```$"
    shown = re.search(block, operations, re.M | re.S)
    assert shown
    return shown[1], shown[2].replace("/etc/bookstore", "./secrets")


def make_secrets(stack: Stack) -> dict[str, str]:
    folder = stack.folder / "secrets"
    key_file.make_key_file(folder / "jwt_keys")
    for name in SECRETS[1:]:
        (folder / name).write_text(f"{token_urlsafe()}\n")
    for path in folder.iterdir():
        path.chmod(0o444)
    return read_secrets(stack)


def read_secrets(stack: Stack) -> dict[str, str]:
    return {name: (stack.folder / "secrets" / name).read_text() for name in SECRETS}
