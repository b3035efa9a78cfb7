"""What tests/contract asks in process, asked over HTTP; odd bodies and addresses are in test_raw_http.py."""

import pytest

from tests import served
from tests.contract.test_tokens import refused_by_mistake, wrongly_refused
from tests.people import Person, assert_problem

pair = served.pair  # its servers are what is tested
# The database that tests/common has servers on, too.
pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")


@pytest.mark.parametrize(("service", "path"), [("auth", "/me"), ("books", "/books")])
def test_the_corpus_of_tokens_is_answered_as_in_process(person: Person, service: str, path: str) -> None:
    assert refused_by_mistake(person, service, path) == {}
    assert wrongly_refused(person, service, path, "bad") == {}
    assert wrongly_refused(person, service, path, "missing") == {}


@pytest.mark.parametrize(("service", "path"), [("auth", "/register"), ("books", "/books")])
def test_a_connection_outlives_a_body_that_was_too_long(person: Person, service: str, path: str) -> None:
    """One that is refused unread would be closed, and its client might never see why."""
    for _ in range(10):
        assert_problem(person.request("POST", service, path, data=bytes(2_000_000)), 413)
