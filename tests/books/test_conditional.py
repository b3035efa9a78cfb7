"""ETag, If-Match and If-None-Match of single books (RFC 9110 sections 8.8.3 and 13)."""

from collections import Counter
from itertools import product

import pytest
import requests

from tests.books.conftest import Sent, send_at_once
from tests.cases import every, on_sqlite
from tests.people import Person, assert_problem, book

CHANGES = ["PUT", "PATCH", "DELETE"]
# What is no list of entity tags, or one of weak tags only.
NOTHING = ['W/"1"', "1", "'1'", '"1', '1"', '""', '"2"', '"1" "2"', '*, "1"', '"1", *', 'w/"1"', '"1", x']
NOTHING += ["", ",", '"1";q=1', '"*"', "* *", '"1 "', '"2", W/"1"', '"01"']
HOLDS = [{"If_Match": tags} for tags in ('"1"', "*", '"7", "1"', '"a,b","1"', ',"1" ,', 'W/"1", "1"')]
HOLDS += [{"If_Match": '"é\x80","1"'}, {"If_None_Match": '"2"', "If_Match": "*"}]
HOLDS += [{"If_Unmodified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"}]  # there is no date to compare
KNOWN = ["*", '"1"', 'W/"1"', '"2", "1"']
FAILS = [{"If_Match": tags} for tags in NOTHING] + [{"If_None_Match": tags} for tags in KNOWN]
FAILS += [{"If_None_Match": tags, "If_Match": '"1"'} for tags in KNOWN]


def new_book(person: Person) -> str:
    """Put a book on the shelf; return where it is."""
    made = person.post("/books", book())
    assert made.headers["ETag"] == '"1"'
    return made.headers["Location"]


def send(person: Person, method: str, path: str, **headers: str) -> requests.Response:
    """Send a request that changes the book, unless its condition does not hold."""
    options = {} if method in ("GET", "HEAD", "DELETE") else {"json": book()}
    return person.request(method, "books", path, headers=person.with_token(**headers), **options)


@on_sqlite
@every("method, headers", product(CHANGES, HOLDS))
def test_a_change_goes_on_if_its_condition_holds(
    person: Person, method: str, headers: dict[str, str]
) -> None:
    assert send(person, method, new_book(person), **headers).status_code == 200


@on_sqlite
@every("headers", FAILS)
def test_a_change_is_refused_if_it_does_not(person: Person, headers: dict[str, str]) -> None:
    path = new_book(person)
    before = person.get(path)

    for method in CHANGES:
        assert_problem(send(person, method, path, **headers), 412, "precondition failed")

    after = person.get(path)
    assert (after.json(), after.headers["ETag"]) == (before.json(), '"1"')


@on_sqlite
def test_what_the_client_has_is_not_sent_again_and_what_it_has_not_is(person: Person) -> None:
    path = new_book(person)

    for method, tags in product(["GET", "HEAD"], ['"1"', 'W/"1"', "*", '"x", W/"1"', '"1" , ']):
        answer = send(person, method, path, If_None_Match=tags)
        assert (answer.status_code, answer.content) == (304, b"")
        assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == ('"1"', "private, no-cache")
        assert not {"Content-Type", "Content-Length"} & set(answer.headers)
    for tags in [tags for tags in NOTHING if "W/" not in tags]:
        answer = send(person, "GET", path, If_None_Match=tags)
        assert (tags, answer.status_code, answer.headers["ETag"]) == (tags, 200, '"1"')
    assert_problem(send(person, "GET", path, If_Match='"2"', If_None_Match='"1"'), 412)
    dated = send(person, "GET", path, If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT")
    assert dated.status_code == 200


@every("method", ["GET", *CHANGES])
def test_a_failed_condition_comes_behind_404_and_before_409(person: Person, method: str) -> None:
    for headers in ({"If_Match": "*"}, {"If_Match": '"1"'}, {"If_None_Match": "*"}):
        answer = send(person, method, "/books/9007199254740993", **headers)
        assert_problem(answer, 404, "book does not exist")
    path, taken = new_book(person), person.add_book()["name"]
    for tag, status in (('"2"', 412), ('"1"', 409)) if method in ("PUT", "PATCH") else ():
        headers = person.with_token(If_Match=tag)
        assert_problem(person.request(method, "books", path, json=book(name=taken), headers=headers), status)


@pytest.mark.parametrize("member", ["Publisher", "name", None])
def test_of_twenty_changes_of_one_version_one_is_made(person: Person, member: str | None) -> None:
    """Where no member is changed, half of the requests delete the book."""
    path, condition = new_book(person), {"If_Match": '"1"'}
    changes: list[Sent] = [("PATCH", path, {member or "Author": f"Change {n}"}, condition) for n in range(20)]
    if member is None:
        changes[::2] = [("DELETE", path, None, condition)] * 10

    answers = send_at_once(person, changes)

    counts = Counter(answer.status_code for answer in answers)
    (made,) = [answer for answer in answers if answer.status_code == 200]
    assert counts[412] + (counts[404] if member is None else 0) == 19
    if made.request.method == "PATCH":
        assert person.get(path).json() == made.json()
        assert made.headers["ETag"] == '"2"'
