"""The trigram index of PostgreSQL: there where the role may make it; without it the search finds the same."""

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.books.conftest import somebody
from tests.books.reading import ids
from tests.pair import Pair
from tests.postgres_server import USER, PostgresServer

OWNING, USING = "ALTER DATABASE {database} OWNER TO {role}", "GRANT ALL ON SCHEMA public TO {role}"


def execute(url: str, statement: str, **names: str) -> list[Any]:
    words = {word: sql.Identifier(name) for word, name in names.items()}
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement).format(**words))
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(("right", "has_index"), [(OWNING, True), (USING, False)])
def test_who_owns_the_database_has_the_index_and_a_search_is_right_without(
    postgres: PostgresServer, tmp_path: Path, right: str, has_index: bool
) -> None:
    role = f"role_{secrets.token_hex(4)}"
    database = f"books_{role}"
    url = postgres.create_database(database)
    execute(url, "CREATE ROLE {role} LOGIN", role=role)
    execute(url, right, role=role, database=database)

    databases = {"books": url.replace(f"//{USER}@", f"//{role}@")}
    with Pair(tmp_path, databases=databases, services=["books"]).prepare() as pair:
        person = somebody(pair.start())
        made = [person.add_book(name=name)["id"] for name in ("Äpfel 100%", "Birnen", "äpfel_")]

        assert ids(person, q="ÄPF") == [made[0], made[2]]
        assert ids(person, q="el press", sort="-name") == [made[2], made[0]]
        assert ids(person, q="%") == made[:1]
        assert ids(person, Publisher="press", q="_") == made[2:]
    indexes = execute(url, "SELECT indexname FROM pg_indexes WHERE tablename = 'books'")
    assert indexes
    assert (("ix_books_search_text",) in indexes) == has_index
