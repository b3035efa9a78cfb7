"""The routes of things: one sees and changes one's own alone."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from openapi_spec_validator import validate

from common.db.migrations import meant_for
from tests import api
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, assert_problem, register
from things_service.models import ThingsBase, db


def add(person: Person, **members: Any) -> dict[str, Any]:
    """Store a new one and return it."""
    answer = person.post("/things", {"title": "Milk"} | members, "things")
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


def test_what_is_stored_is_shown_listed_changed_and_deleted(person: Person) -> None:
    added = add(person, body="Two bottles")
    path = f"/things/{added['id']}"

    assert person.get(path, "things").json() == added
    assert person.get("/things", "things").json() == {"things": [added], "next": None}
    changed = person.patch(path, {"body": "One bottle"}, "things").json()
    assert (changed["title"], changed["body"]) == ("Milk", "One bottle")
    assert changed["updated_at"] > added["updated_at"]
    assert person.delete(path, "things").status_code == 204
    assert_problem(person.get(path, "things"), 404)


def test_what_belongs_to_another_is_not_there(pair: Pair, person: Person) -> None:
    other = register(pair)
    path = f"/things/{add(other)['id']}"

    assert person.get("/things", "things").json()["things"] == []
    answers = [person.get(path, "things"), person.delete(path, "things")]
    for answer in [*answers, person.patch(path, {"title": "Mine"}, "things")]:
        assert_problem(answer, 404)
    assert other.get(path, "things").json()["title"] == "Milk"


def test_pages_hold_each_once(person: Person) -> None:
    added = [add(person)["id"] for _ in range(5)]

    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = person.get("/things", "things", params={"limit": 2, "cursor": cursor}).json()
        seen += [each["id"] for each in page["things"]]
        cursor = page["next"]

    assert seen == added
    assert_problem(person.get("/things", "things", params={"cursor": "x"}), 422)


def test_only_the_version_that_was_read_is_changed(person: Person) -> None:
    path = f"/things/{add(person)['id']}"
    first = person.get(path, "things")
    read = person.with_token(If_Match=first.headers["ETag"])

    second = person.patch(path, {"title": "Bread"}, "things", headers=read)
    assert second.status_code == 200
    assert second.headers["ETag"] != first.headers["ETag"]
    assert_problem(person.patch(path, {"title": "Cheese"}, "things", headers=read), 412)
    assert_problem(person.delete(path, "things", headers=read), 412)
    same = person.patch(path, {"title": "Bread"}, "things")
    assert same.headers["ETag"] == second.headers["ETag"]
    known = person.with_token(If_None_Match=second.headers["ETag"])
    assert person.get(path, "things", headers=known).status_code == 304


@every("members", [{}, {"title": ""}, {"title": 1}, {"title": "Milk", "owner": "x"}, {"title": "M" * 201}])
def test_what_breaks_a_rule_is_refused(person: Person, members: dict[str, Any]) -> None:
    assert_problem(person.post("/things", members, "things"), 422)
    assert person.get("/things", "things").json()["things"] == []


def test_a_token_is_needed(pair: Pair) -> None:
    assert_problem(api.get(pair.url("things") + "/things"), 401, "a valid token is missing")


def test_the_openapi_document_is_valid(pair: Pair) -> None:
    validate(api.get(pair.url("things") + "/openapi.json").json())


def test_the_service_is_ready_and_its_models_are_what_was_migrated(pair: Pair) -> None:
    ready = api.get(pair.url("things") + "/readyz").json()
    assert (ready["checks"]["database"], ready["checks"]["schema"]) == ("ok", "ok")

    with pair.apps["things"].app_context(), db.read() as connection:
        only = meant_for(connection.dialect.name)
        options = {"compare_type": True, "include_object": only}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, ThingsBase.metadata) == []
