"""What auth tells reaches things: tokens of ended sessions are refused, deleted users keep nothing."""

from sqlalchemy import func, insert, select

from tests.feed.ends import leave, log_out
from tests.feed.followers import follow_once
from tests.pair import Pair
from tests.people import Person, assert_problem, register
from tests.waiting import wait_until
from things_service.models import Thing, db
from things_service.statements import BATCH


def add(person: Person) -> None:
    answer = person.post("/things", {"title": "Milk"}, "things")
    assert answer.status_code == 201, answer.text


def copy(person: Person, count: int) -> None:
    """Store the person's only row so many times more."""
    with person.pair.apps["things"].app_context(), db.write() as connection:
        row = connection.execute(select(Thing.__table__).where(Thing.owner == person.public_id)).one()
        same = dict(row._mapping)
        del same["id"]
        connection.execute(insert(Thing), [same] * count)


def count_of(person: Person) -> int:
    """Return how many rows the person has."""
    with person.pair.apps["things"].app_context(), db.read() as connection:
        mine = select(func.count()).select_from(Thing).where(Thing.owner == person.public_id)
        return connection.scalar(mine) or 0


def is_refused(person: Person) -> bool:
    return person.get("/things", "things").status_code == 401


def test_a_token_is_refused_once_its_session_has_ended(pair: Pair, person: Person) -> None:
    other = register(pair)
    assert not is_refused(person)

    log_out(person)
    follow_once(pair, "things")

    wait_until(lambda: is_refused(person), "it hears of the end")
    assert not is_refused(other)


def test_a_deleted_user_keeps_nothing_and_stores_nothing_more(pair: Pair, person: Person) -> None:
    other = register(pair)
    add(other)
    add(person)
    copy(person, BATCH)

    leave(person)
    follow_once(pair, "things")

    assert (count_of(person), count_of(other)) == (0, 1)
    assert_problem(person.post("/things", {"title": "Milk"}, "things"), 401, "token is invalid")
    assert count_of(person) == 0
