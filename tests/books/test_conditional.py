"""ETag, If-Match and If-None-Match of single books (RFC 9110 sections 8.8.3 and 13)."""

from collections import Counter

import pytest
import requests

from tests.at_once import at_once
from tests.cases import every
from tests.people import Person, assert_problem, book

CHANGES = ["PUT", "PATCH", "DELETE"]
# What is no list of entity tags, or one of weak tags only.
NOTHING = ['W/"1"', "1", "'1'", '"1', '1"', '""', '"2"', '"1" "2"', '*, "1"', '"1", *', 'w/"1"', '"1", x']
NOTHING += ["", ",", '"1";q=1', '"*"', "* *", '"1 "', '"2", W/"1"', '"01"']


def new_book(person: Person) -> str:
    """Put a book on the shelf; return where it is."""
    made = person.post("/books", book())
    assert made.headers["ETag"] == '"1"'
    location: str = made.headers["Location"]
    return location


def send(person: Person, method: str, path: str, **headers: str) -> requests.Response:
    """Send a request that changes the book, unless its condition does not hold."""
    options = {} if method in ("GET", "HEAD", "DELETE") else {"json": book()}
    return person.request(method, "books", path, headers=person.with_token(**headers), **options)


def test_every_answer_that_shows_a_book_has_its_strong_etag(person: Person) -> None:
    path = new_book(person)

    shown = person.get(path)
    replaced = person.put(path, book())
    changed = person.patch(path, {"book_prize": 77})

    etags = [answer.headers["ETag"] for answer in (shown, replaced, changed, person.get(path))]
    assert etags == ['"1"', '"2"', '"3"', '"3"']


@every("method", CHANGES)
@every("tags", ['"1"', "*", '"7", "1"', '"a,b","1"', ',"1" ,', 'W/"1", "1"', '"é\x80","1"'])
def test_a_change_goes_on_if_the_tag_is_the_one(person: Person, method: str, tags: str) -> None:
    path = new_book(person)

    assert send(person, method, path, If_Match=tags).status_code == 200


@every("method", CHANGES)
@every("tags", NOTHING)
def test_a_change_is_refused_if_it_is_not(person: Person, method: str, tags: str) -> None:
    path = new_book(person)
    before = person.get(path)

    answer = send(person, method, path, If_Match=tags)

    assert_problem(answer, 412, "precondition failed")
    assert (person.get(path).json(), person.get(path).headers["ETag"]) == (before.json(), '"1"')


@every("method", CHANGES)
@every("tags", ["*", '"1"', 'W/"1"', '"2", "1"'])
def test_a_change_is_refused_if_there_is_to_be_no_such_version(
    person: Person, method: str, tags: str
) -> None:
    path = new_book(person)

    assert_problem(send(person, method, path, If_None_Match=tags), 412)
    assert_problem(send(person, method, path, If_None_Match=tags, If_Match='"1"'), 412)
    assert person.get(path).headers["ETag"] == '"1"'


@every("method", CHANGES)
def test_a_change_goes_on_if_there_is_none(person: Person, method: str) -> None:
    path = new_book(person)

    assert send(person, method, path, If_None_Match='"2"', If_Match="*").status_code == 200


@every("method", ["GET", "HEAD"])
@every("tags", ['"1"', 'W/"1"', "*", '"x", W/"1"', '"1" , '])
def test_what_the_client_has_is_not_sent_again(person: Person, method: str, tags: str) -> None:
    path = new_book(person)

    answer = send(person, method, path, If_None_Match=tags)

    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == ('"1"', "private, no-cache")
    assert not {"Content-Type", "Content-Length"} & set(answer.headers)
    assert person.get(path).status_code == 200  # over the same connection


@every("tags", [tags for tags in NOTHING if "W/" not in tags])
def test_what_it_has_not_is_sent(person: Person, tags: str) -> None:
    path = new_book(person)

    answer = send(person, "GET", path, If_None_Match=tags)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')


def test_if_match_comes_before_if_none_match(person: Person) -> None:
    path = new_book(person)

    assert_problem(send(person, "GET", path, If_Match='"2"', If_None_Match='"1"'), 412)
    assert send(person, "GET", path, If_Match='"1"', If_None_Match='"1"').status_code == 304


def test_dates_ask_nothing_because_there_is_none_to_compare(person: Person) -> None:
    path, long_ago = new_book(person), "Thu, 01 Jan 1970 00:00:00 GMT"

    assert send(person, "PATCH", path, If_Unmodified_Since=long_ago).status_code == 200
    assert send(person, "GET", path, If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT").status_code == 200


@every("method", ["GET", *CHANGES])
@every("headers", [{"If_Match": "*"}, {"If_Match": '"1"'}, {"If_None_Match": "*"}])
def test_a_book_that_is_not_there_is_404_whatever_the_condition(
    person: Person, method: str, headers: dict[str, str]
) -> None:
    path = new_book(person)
    person.delete(path)

    assert_problem(send(person, method, path, **headers), 404, "book does not exist")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_failed_condition_is_told_before_a_title_that_is_taken(person: Person, method: str) -> None:
    path, taken = new_book(person), book()
    person.add_book(**taken)

    early = person.request(method, "books", path, json=taken, headers=person.with_token(If_Match='"2"'))
    late = person.request(method, "books", path, json=taken, headers=person.with_token(If_Match='"1"'))

    assert_problem(early, 412)
    assert_problem(late, 409, "book already exists")


@pytest.mark.parametrize("member", ["Publisher", "name"])
def test_of_twenty_changes_of_one_version_one_is_made(person: Person, member: str) -> None:
    path = new_book(person)
    url, headers = person.pair.url("books") + path, person.with_token(If_Match='"1"')

    def change(session: requests.Session, number: int) -> requests.Response:
        return session.patch(url, json={member: f"Change {number}"}, headers=headers, timeout=30)

    answers = at_once(20, person.pair.url("books"), change)

    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 19}
    (changed,) = [answer for answer in answers if answer.status_code == 200]
    assert person.get(path).json() == changed.json()
    assert changed.headers["ETag"] == '"2"'


def test_of_changes_and_deletions_of_one_version_one_is_made(person: Person) -> None:
    path = new_book(person)
    url, headers = person.pair.url("books") + path, person.with_token(If_Match='"1"')

    def change_or_delete(session: requests.Session, number: int) -> requests.Response:
        if number % 2:
            return session.delete(url, headers=headers, timeout=30)
        return session.patch(url, json={"book_prize": 100 + number}, headers=headers, timeout=30)

    answers = at_once(20, person.pair.url("books"), change_or_delete)

    counts = Counter(answer.status_code for answer in answers)
    assert counts[200] == 1
    assert counts[404] + counts[412] == 19
