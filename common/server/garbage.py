"""The search for garbage, which costs a server more than it finds: a request makes hardly any cycles."""

import gc

THRESHOLD = 20_000, 20, 50  # objects made between two searches, and how often the older are searched


def search_less() -> None:
    """Leave what is loaded out of every search, so that forks share it, and search seldom from now on."""
    gc.freeze()
    gc.set_threshold(*THRESHOLD)
