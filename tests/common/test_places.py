"""Places: so many requests at once, and 503 for the next."""

from threading import Thread

import pytest

from common.places import Places
from common.problems import Refusal


def test_who_finds_no_place_is_refused_with_503() -> None:
    places = Places(2, wait=0.01)

    with places.one(), places.one(), pytest.raises(Refusal) as refused:
        places.take()

    assert refused.value.code == 503
    assert refused.value.headers == {"Retry-After": "5"}


def test_a_place_is_given_back_whatever_happened() -> None:
    places = Places(1, wait=0.01)

    with pytest.raises(ZeroDivisionError), places.one():
        raise ZeroDivisionError

    with places.one():
        pass


def test_who_waits_gets_the_place_that_becomes_free() -> None:
    places = Places(1, wait=30)
    places.take()
    waiting = Thread(target=places.take)
    waiting.start()

    places.give()

    waiting.join(30)
    assert not waiting.is_alive()
