"""The trigram index of PostgreSQL: there where the role may make it; without it the search finds the same."""

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.books.reading import ids
from tests.people import register
from tests.postgres_server import USER, PostgresServer
from tests.served import ServedPair

INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'books'"


@pytest.fixture
def role(postgres: PostgresServer) -> str:
    """Return the name of a role without special rights, as the services should have."""
    name = f"role_{secrets.token_hex(4)}"
    execute(postgres.url(), "CREATE ROLE {} LOGIN", name)
    return name


def execute(url: str, statement: str, *names: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
        return cursor.fetchall() if cursor.description else []


def as_role(url: str, role: str) -> str:
    return url.replace(f"//{USER}@", f"//{role}@")


def test_who_owns_the_database_makes_the_index(postgres: PostgresServer, role: str, tmp_path: Path) -> None:
    name = f"books_{role}"
    url = postgres.create_database(name)
    execute(url, "ALTER DATABASE {} OWNER TO {}", name, role)

    ServedPair(tmp_path, databases={"books": as_role(url, role)}).prepare()

    assert ("ix_books_search",) in execute(url, INDEXES)


def test_a_search_is_right_without_the_index(postgres: PostgresServer, role: str, tmp_path: Path) -> None:
    url = postgres.create_database(f"books_{role}")
    execute(url, "GRANT ALL ON SCHEMA public TO {}", role)

    with ServedPair(tmp_path, databases={"books": as_role(url, role)}).prepare() as pair:
        person = register(pair.start())
        made = [person.add_book(name=name)["id"] for name in ("Äpfel 100%", "Birnen", "äpfel_")]

        assert ids(person, q="ÄPF") == [made[0], made[2]]
        assert ids(person, q="el press", sort="-name") == [made[2], made[0]]
        assert ids(person, q="%") == made[:1]
        assert ids(person, Publisher="press", q="_") == made[2:]
    indexes = execute(url, INDEXES)
    assert indexes
    assert ("ix_books_search",) not in indexes
