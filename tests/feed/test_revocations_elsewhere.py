"""The follower for services in other repositories, `contract/revocations.py`, beside the pair."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import jwt
import pytest
import time_machine
from flask import Flask, request

from contract.revocations import Revocations, service_token
from contract.verifier import read_keys, verify
from tests.api import new_session
from tests.cases import own_on_sqlite
from tests.feed.ends import leave, log_out
from tests.feed.tellers import Teller
from tests.feed.test_epoch import DOES_NOT_GO_ON
from tests.in_process import applications
from tests.pair import Pair
from tests.people import Person, register
from tests.readme import blocks

pytestmark = own_on_sqlite


@pytest.fixture
def pair(own_pair: Pair) -> Pair:
    own_pair.environment["SERVICE_NAMES"] = "books, notes"
    return own_pair.start()


class Notes:
    """Another service, which verifies tokens by itself."""

    def __init__(self, pair: Pair) -> None:
        self.erased: list[str] = []
        self.keys = read_keys(pair.folder / "keys.json")
        token = partial(service_token, "notes", *next(iter(self.keys.items())))
        self.revocations = Revocations(pair.url("auth"), token, self.erased.append, new_session())

    def accepts(self, person: Person) -> bool:
        return not self.revocations.refuses(verify(person.token, self.keys))


@pytest.fixture
def notes(pair: Pair) -> Notes:
    return Notes(pair)


def test_the_example_of_the_document_reads_a_long_feed_and_refuses_who_is_gone(
    pair: Pair, teller: Teller
) -> None:
    teller.end(*map(str, range(150)))  # more than auth gives at once
    stays, ends = register(pair), register(pair)
    log_out(ends)

    run_example(pair, stays.token)
    with pytest.raises(PermissionError):
        run_example(pair, ends.token)


def run_example(pair: Pair, token: str) -> None:
    """Run the lines of docs/verify-elsewhere.md beside the pair, as a request with this token comes."""
    (lines,) = blocks("docs/verify-elsewhere.md", "## Follow logouts", "python")
    lines = lines.replace("http://localhost:5001", pair.url("auth"))
    names = {
        "Path": Path,
        "Revocations": partial(Revocations, session=new_session()),
        "delete_notes_of": str,
        "read_keys": lambda path: read_keys(pair.folder / path.name),
        "service_token": service_token,
        "token": token,
        "verify": verify,
    }
    exec(lines, names)  # noqa: S102 - they are our own


def test_what_no_token_can_be_good_for_any_more_is_forgotten(pair: Pair, notes: Notes) -> None:
    person = register(pair)
    claims = verify(person.token, notes.keys)
    log_out(person)
    notes.revocations.poll(wait=0)
    assert notes.revocations.refuses(claims)

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False):
        notes.revocations.poll(wait=0)
        with pytest.raises(jwt.ExpiredSignatureError):
            verify(person.token, notes.keys)

    assert not notes.revocations.refuses(claims)


@pytest.mark.parametrize("damage", [damage for damage, _ in DOES_NOT_GO_ON])
def test_a_feed_that_does_not_go_on_is_read_from_its_beginning(
    pair: Pair, notes: Notes, teller: Teller, damage: list[str]
) -> None:
    teller.end("1", "2", "3")
    notes.revocations.poll(wait=0)
    for statement in damage:
        teller.execute(statement)
    stays, person = register(pair), register(pair)
    leave(person)

    assert any(not notes.revocations.poll(wait=0) for _ in range(9))  # the first begins again

    assert notes.erased == [person.public_id]
    assert (notes.accepts(stays), notes.accepts(person)) == (True, False)


def test_an_auth_that_tells_no_epoch_changes_nothing(pair: Pair, notes: Notes) -> None:
    epochs, asked = iter([{"epoch": "a"}, {}, {"epoch": "a"}, {}, {"epoch": "b"}, {"epoch": "b"}]), []
    auth = Flask("auth_of_several_versions")

    @auth.get("/events")
    def events() -> dict[str, object]:
        asked.append(int(request.args["after"]))
        return {"events": [], "last": asked[-1] + 1, **next(epochs)}

    applications[pair.host("auth")] = auth
    for _ in range(6):
        notes.revocations.poll(wait=0)

    assert asked == [0, 1, 2, 3, 4, 0]
