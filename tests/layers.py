"""The rooms of each package, in layers, and which of them import what lies beside them."""

from tests.source_code import SERVICES

# A room is a folder or a module at the top of a package. Each row is a layer, from the outside inwards; a
# room imports what lies further in, and beside it only what the table below says.
ENTRANCES = ("__init__", "gunicorn_conf", "migrations")  # what puts the parts together
LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "auth_service": (
        ENTRANCES,
        ("views", "cli"),
        ("users", "sessions", "passwords", "throttle"),
        ("other",),  # rules that need no room, such as names.py
        ("models", "settings"),
    ),
    "books_service": (ENTRANCES, ("views", "cli"), ("shelf", "transfer"), ("models", "settings")),
    "common": (
        ("__init__", "app"),
        ("feed",),
        ("health", "cli"),
        ("web", "server"),
        ("db", "tokens"),
        ("ops",),
        ("settings", "errors", "proxies", "service_list", "healthcheck"),
    ),
}
SMALL = (ENTRANCES, ("views",), ("statements",), ("models", "settings"))  # as `make new-service` makes them
LAYERS |= {package: SMALL for package in SERVICES if package not in LAYERS}
BESIDE = {
    ("users", "sessions"),
    ("users", "passwords"),
    ("users", "throttle"),
    ("transfer", "shelf"),
    ("settings", "proxies"),
    ("settings", "service_list"),
    ("other", "other"),
}
