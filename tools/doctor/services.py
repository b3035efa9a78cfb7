"""What `make doctor` asks the services' own code: values of settings, keys, PostgreSQL and its clock."""

from collections.abc import Iterator

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from common.db.connections import engine_options
from common.service_list import SERVICES
from common.settings import Misconfigured, Settings
from common.tokens.keys import load_keys
from tools.doctor.machine import FAULT, OK, Finding, compare_clocks, is_open
from tools.page import page_port
from tools.run import settings_of

NOW = text("SELECT extract(epoch FROM clock_timestamp())")


def check_services() -> Iterator[Finding]:
    """Read the settings as each service does, and look at what they name."""
    services: list[Settings] = []
    refused = set()
    for name in SERVICES:
        try:
            page_port()
            services.append(settings_of(name))
        except Misconfigured as error:
            refused.add(str(error))
    yield from ((FAULT, f"{line}: correct it, or leave it out") for line in sorted(refused))
    if not refused:
        yield OK, "the services take all settings"
        yield from check_keys(services[0])
    for settings in services:
        if settings.database_url.startswith("postgresql"):
            yield from check_postgresql(settings)


def check_keys(settings: Settings) -> Iterator[Finding]:
    """Read the keys, unless `make run` has not made them yet, or their file is open to others."""
    if not settings.secret and (not settings.keys_file.exists() or is_open(settings.keys_file)):
        return
    try:
        yield OK, f"of the keys {len(load_keys(settings).current.verifying)} can be used"
    except Misconfigured as error:
        cure = "make another" if settings.secret else "restore it, or remove it and all log in again"
        yield FAULT, f"{error}: {cure}"


def check_postgresql(settings: Settings) -> Iterator[Finding]:
    name = settings.service
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    try:
        with engine.connect() as connection:
            then = float(connection.scalar(NOW) or 0)
    except SQLAlchemyError:
        yield FAULT, f"the database of {name}: start PostgreSQL, or correct {name.upper()}_DATABASE_URL"
    else:
        yield from compare_clocks({f"the database of {name}": then})
