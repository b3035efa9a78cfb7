"""Times in answers: six decimals and `Z`, also at a moment that needs none."""

import re
from datetime import UTC, datetime, timedelta

import requests
import time_machine

from tests.cases import every
from tests.conftest import keys_of
from tests.feed import followers
from tests.feed.ends import log_out
from tests.feed.service_tokens import ask, service_token
from tests.pair import Pair
from tests.people import book, register, register_admin

pair = followers.pair

WHOLE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MOMENTS = [WHOLE, WHOLE + timedelta(microseconds=120_000)]
TIME = re.compile(r'"(\w+_at|at|until)":("[^"]*"|null)')
FORM = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"')


def times_in(answer: requests.Response) -> dict[str, str]:
    """Return the last time of each name; each has the one form."""
    assert answer.ok, answer.text
    found = [(name, value) for name, value in TIME.findall(answer.text) if value != "null"]
    assert all(FORM.fullmatch(value) for _, value in found), found
    return dict(found)


@every("moment", MOMENTS)
def test_times_of_books_have_six_decimals(pair: Pair, moment: datetime) -> None:
    with time_machine.travel(moment, tick=False):
        person = register(pair)
        headers = person.with_token(Idempotency_Key="a-key")
        body = book()
        answers = [person.post("/books", body, headers=headers) for _ in range(2)]  # the second is a replay
        path = answers[0].headers["Location"]
        answers += [person.get(path), person.get("/books"), person.patch(path, {"book_prize": 13})]

    shown = f'"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"'
    for answer in answers:
        assert times_in(answer) == {"created_at": shown, "updated_at": shown}


@every("moment", MOMENTS)
def test_times_of_users_and_sessions_and_events_have_six_decimals(pair: Pair, moment: datetime) -> None:
    with time_machine.travel(moment, tick=False):
        admin, person = register_admin(pair), register(pair)
        users = [person.get("/me", "auth"), admin.get("/users", "auth")]
        sessions = person.get("/sessions", "auth")
        log_out(person)
        events = ask(pair, service_token(keys_of(pair)[0]))

    for answer in users:
        assert times_in(answer).keys() == {"created_at"}
    assert times_in(sessions).keys() == {"created_at", "last_used_at", "expires_at"}
    assert times_in(events).keys() == {"at", "until"}
