"""What auth tells reaches books between containers, also past a follower that is killed."""

import pytest

from tests.e2e.stack import Stack
from tests.e2e.test_kills import init_of, kill, wait_for_more
from tests.feed.ends import leave
from tests.people import Person
from tests.resilience.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.compose


def books_of(stack: Stack, people: list[Person]) -> int:
    owners = ", ".join(f"'{person.public_id}'" for person in people)
    return int(stack.sql("books", f"SELECT count(*) FROM books WHERE owner IN ({owners})"))  # noqa: S608 - ids of ours


def test_a_killed_follower_comes_back_and_misses_nothing(stack: Stack) -> None:
    people = [stack.register() for _ in range(8)]
    for person in people:
        person.add_book()
    heard = int(stack.sql("books", "SELECT users_deleted FROM feed"))
    with Writers(stack.register(), count=2, patient=True) as writers:
        wait_for_more(writers.promised)
        for person in people[:4]:
            leave(person)
        kill(stack, "follower", init_of)
        for person in people[4:]:
            leave(person)
        wait_until(lambda: books_of(stack, people) == 0, "books of deleted users are left")

    assert int(stack.sql("books", "SELECT users_deleted FROM feed")) == heard + len(people)
    assert set(writers.statuses) == {200, 201}
    assert (writers.broken, writers.refused, writers.lost()) == ([], 0, set())
