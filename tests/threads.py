"""Threads that work as long as a `with` block lasts."""

import threading
from collections.abc import Callable
from typing import Self


class Threads:
    """Run `work` in several threads for a `with` block; it is to end once `_stopping` is set."""

    def __init__(self, work: Callable[[], None], count: int) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=work) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
