"""Settings from the environment: nothing else in the services reads `os.environ`."""

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from common.proxies import PREFIX, Network, parse_network, parse_prefix
from common.service_list import SERVICES

DRIVERS = {"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"}
STDOUT = 1  # the file descriptor
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # microseconds of each period, or "max"
# As a browser writes it (RFC 6454 section 6.2): in lower case, and without the port that the scheme has.
ORIGIN = re.compile(
    r"(?!https://.*:443$|http://.*:80$)"
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
)
PUBLIC_URL = re.compile(
    rf"(?:https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[1-9][0-9]{{0,4}})?)?{PREFIX.pattern}"
)
HTTP_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110 section 5.6.2
HEADER_NAME = re.compile(rf"(?!\*$){HTTP_TOKEN.pattern}")  # `*` would not let a page send `Authorization`


class Misconfigured(SystemExit):
    """A setting that the service cannot start with: prints its one line and exits with status 1."""


class Environment:
    """Reads settings from the environment, each also from the file that `NAME_FILE` names."""

    def text(self, name: str, default: str = "") -> str:
        value, file = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
        if value and file:
            raise Misconfigured(f"{name} and {name}_FILE are both set; set one of them")
        try:
            return (Path(file).expanduser().read_text().strip() if file else value) or default
        except (OSError, RuntimeError, ValueError) as error:  # ~nobody, or UnicodeDecodeError
            raise Misconfigured(f"{name}_FILE does not name a readable text file") from error

    def secret(self, name: str) -> str:
        """Return a setting that may be missing; an empty value or an empty file is a mistake."""
        value = self.text(name)
        if not value and (name in os.environ or f"{name}_FILE" in os.environ):
            raise Misconfigured(f"{name} is empty")
        return value

    def path(self, name: str, default: str) -> Path:
        """Return an absolute path; `~` at its beginning is the user's home."""
        try:
            return Path(self.text(name, default)).expanduser().absolute()
        except RuntimeError as error:
            raise Misconfigured(f"{name} begins with ~ and names a user who has no home") from error

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdecimal() and low <= int(value[:19]) <= high):
            raise Misconfigured(f"{name} must be a whole number from {low} to {high}")
        return int(value)

    def port(self, name: str, default: int) -> int:
        return self.integer(name, default, low=1, high=65535)

    def choice(self, name: str, default: str, *others: str) -> str:
        value = self.text(name, default)
        if value not in (default, *others):
            raise Misconfigured(f"{name} must be {' or '.join((default, *others))}")
        return value

    def items(self, name: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        items = tuple(item.strip() for item in self.text(name).split(",") if item.strip())
        if not all(map(pattern.fullmatch, items)):
            raise Misconfigured(f"{name} must hold {what}, separated by commas")
        return items

    def url_prefix(self, name: str) -> str:
        prefix = parse_prefix(self.text(name))
        if prefix is None:
            raise Misconfigured(f"{name} must be a path such as /shop")
        return prefix

    def public_url(self, service: str) -> str:
        """Return where a browser finds `service`: an address, a path, or a port of the host (`:5001`)."""
        name = f"{service.upper()}_PUBLIC_URL"
        value = self.text(name).removesuffix("/")
        if not PUBLIC_URL.fullmatch(value):
            raise Misconfigured(f"{name} must be an address such as https://shop.example/auth, or a path")
        return value or f":{self.port(f'{service.upper()}_PORT', SERVICES[service]['port'])}"

    def networks(self, name: str) -> tuple[Network, ...]:
        """Return the networks of a list, in which an address is a network of one."""
        what = "addresses and networks (10.0.0.0/8, not 10.0.0.1/8)"
        try:
            return tuple(map(parse_network, self.items(name, re.compile(".*"), what)))
        except ValueError as error:
            raise Misconfigured(f"{name} must hold {what}, separated by commas") from error


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of every service. `secret` and `database_url` never show in a representation."""

    service: str  # as in services.toml
    data_dir: Path
    keys_file: Path
    secret: str = field(repr=False)  # JWT_SECRET, "" if the keys come from the file
    database_url: str = field(repr=False)
    database_pool_size: int  # connections of a worker
    host: str
    port: int
    metrics_host: str
    metrics_port: int
    workers: int
    threads: int  # a worker
    cors_origins: tuple[str, ...]
    cors_headers: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    url_prefix: str  # "" or a path without a slash at its end
    log_format: str  # "json" or "console"
    log_level: str
    no_color: bool
    others: tuple[tuple[str, str], ...]  # name and `public_url` of each other service
    is_command: bool  # a `flask` command, which must run before there is a key file

    @property
    def address(self) -> str:
        """Return where the service listens, with an IPv6 address as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def common_settings(environment: Environment, service: str) -> dict[str, object]:
    """Return the members of `Settings` for `service`, whose own names begin with its upper-case name."""
    prefix = service.upper()
    data_dir = environment.path("DATA_DIR", "instance")
    sqlite = URL.create("sqlite", database=f"{data_dir / service}.db")  # quotes what means something in a URL
    return {
        "service": service,
        "data_dir": data_dir,
        "keys_file": environment.path("JWT_KEYS_FILE", str(data_dir / "keys.json")),
        "secret": jwt_secret(environment),
        "database_url": database_url(environment, prefix, sqlite.render_as_string()),
        # Two: a follower has one for its lock, and one for its work.
        "database_pool_size": environment.integer("DATABASE_POOL_SIZE", 10, low=2, high=1000),
        "host": environment.text("HOST", "127.0.0.1"),
        "port": environment.port(f"{prefix}_PORT", SERVICES[service]["port"]),
        "metrics_host": environment.text("METRICS_HOST", "127.0.0.1"),
        "metrics_port": environment.port(f"{prefix}_METRICS_PORT", SERVICES[service]["metrics_port"]),
        "workers": workers(environment),
        "threads": environment.integer("THREADS", 16, low=1, high=1024),
        "cors_origins": environment.items(
            "CORS_ORIGINS", ORIGIN, "origins as browsers send them (https://shop.example)"
        ),
        "cors_headers": environment.items("CORS_HEADERS", HEADER_NAME, "names of headers"),
        "trusted_proxies": environment.networks("TRUSTED_PROXIES"),
        "url_prefix": environment.url_prefix(f"{prefix}_URL_PREFIX"),
        "log_format": log_format(environment),
        "log_level": environment.choice("LOG_LEVEL", "info", "debug", "warning", "error"),
        "no_color": bool(environment.text("NO_COLOR")),  # no-color.org
        "others": tuple((name, environment.public_url(name)) for name in SERVICES if name != service),
        "is_command": os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "run" not in sys.argv,
    }


def log_format(environment: Environment) -> str:
    """Return for whom log lines are: people if standard output is a terminal, unless the environment says."""
    chosen = environment.choice("LOG_FORMAT", "auto", "json", "console")
    on_terminal = "console" if os.isatty(STDOUT) else "json"
    return on_terminal if chosen == "auto" else chosen


def chosen_server() -> str:
    """Return which server is to serve: gunicorn, unless the environment says otherwise."""
    environment = Environment()
    name = environment.choice("SERVER", "gunicorn", "granian")
    os.environ["WEB_CONCURRENCY"] = str(workers(environment))  # gunicorn reads it, too, and shows a traceback
    return name


def workers(environment: Environment) -> int:
    """Return how many processes serve: as many as there are cores, unless the environment says otherwise."""
    return environment.integer("WEB_CONCURRENCY", cores(), low=1, high=256)


def forget_variables_like_headers() -> None:
    """Drop variables that a server would hand to the application as headers of every request.

    Granian puts the whole environment into each request's, and there HTTP_PROXY is a header named Proxy.
    """
    for name in list(os.environ):
        if name.startswith(("HTTP_", "CONTENT_")):
            del os.environ[name]


def cores() -> int:
    """Return how many cores this process may use, by its affinity and the quota of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_MAX.read_text().split()
    except OSError:
        return count
    return count if quota == "max" else max(1, min(count, int(quota) // int(period)))


def jwt_secret(environment: Environment) -> str:
    """Return JWT_SECRET, or "" where the keys are in a file; never both."""
    if {"JWT_SECRET", "JWT_SECRET_FILE"} & os.environ.keys() and environment.text("JWT_KEYS_FILE"):
        raise Misconfigured("JWT_SECRET and JWT_KEYS_FILE are both set; set one of them")
    return environment.secret("JWT_SECRET")


def database_url(environment: Environment, prefix: str, default: str) -> str:
    """Return a SQLAlchemy URL of SQLite or PostgreSQL (psycopg 3), or refuse without showing the value.

    A password that is given apart from it, in `<prefix>_DATABASE_PASSWORD`, is put into it.
    """
    name = f"{prefix}_DATABASE_URL"
    value = environment.text(name, default)
    if value.startswith("postgres://"):  # as many platforms write it
        value = value.replace("postgres", "postgresql", 1)
    try:
        url = make_url(value)
    except (ArgumentError, ValueError) as error:
        raise Misconfigured(f"{name} is not a database URL") from error
    if url.drivername not in DRIVERS:
        raise Misconfigured(f"{name} must begin with sqlite:/// or postgresql://")
    if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
        raise Misconfigured(f"{name} must name a database that every worker finds")
    password = environment.secret(f"{prefix}_DATABASE_PASSWORD")
    return with_password(url, password, name, f"{prefix}_DATABASE_PASSWORD") if password else value


def with_password(url: URL, password: str, url_name: str, name: str) -> str:
    """Return `url` with the password of the setting `name`, or refuse without showing either."""
    if url.get_backend_name() == "sqlite":
        raise Misconfigured(f"{name} is set, but {url_name} is SQLite, which has no password")
    if url.password is not None or "password" in url.query:
        raise Misconfigured(f"{name} is set, and {url_name} has a password too; set one of them")
    if not url.username:  # without one SQLAlchemy would leave the password out
        raise Misconfigured(f"{name} is set, but {url_name} names no user")
    try:
        return url.set(password=password).render_as_string(hide_password=False)
    except UnicodeEncodeError as error:
        raise Misconfigured(f"{name} is no UTF-8 text") from error
