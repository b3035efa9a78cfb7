"""The services there are, and the ports on which they answer: `services.toml` is the one list of them."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVICES: dict[str, dict[str, int]] = tomllib.loads((ROOT / "services.toml").read_text())
FOLLOWING = tuple(name for name in SERVICES if name != "auth")  # that read auth's feed
