"""Measures how a shelf of 100,000 books is read in a table of a million: `make bench-shelf`.

Every figure is the median of requests to the real service over a kept-alive connection, one by one: HTTP, the
token and JSON are in it. `many` owns the shelf; `few` has 20 books, first in a table of a thousand.
"""

import statistics
import sys
import time
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from benchmarks.books import Stage, staged
from benchmarks.people import Person, register
from benchmarks.services import DATABASES
from benchmarks.shelf_rows import RARE, make_rows, store
from books_service.shelf.list import Sort

SMALL = 1_000  # rows of the table at first
PAGE = 50  # books
NOTHING = "nothingisthere"
TOO_SHORT = "jj"  # for trigrams, and nowhere
EVERYWHERE = "press"
OTHERS = 9_000  # owners of the rest

Query = Mapping[str, Any]


def main() -> int:
    """Measure what the command line asks for."""
    options = parse_options()
    for database in [options.database] if options.database else DATABASES:
        with staged(database, workers=1) as stage:
            measure(stage, database, options)
    return 0


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Measure how a big shelf is read in a big table.")
    parser.add_argument("--database", choices=DATABASES, help="one of them; left out: both in turn")
    parser.add_argument("--books", type=int, default=1_000_000, help="of the table; the shelf has a tenth")
    parser.add_argument("--count", type=int, default=200, help="requests for each figure")
    return parser.parse_args()


def measure(stage: Stage, database: str, options: Namespace) -> None:
    """Print the figures of one database."""
    few, many = stage.reader, register(stage.services.url)
    url = stage.services.database_urls["books"]
    store(url, make_rows([str(uuid.uuid4()) for _ in range(SMALL // 20)], SMALL, seed=1))
    before = medians(few, [{}], options.count * 5)[0]
    begun = time.monotonic()
    owners = [many.public_id if turn % 10 == 0 else str(uuid.uuid4()) for turn in range(OTHERS)]
    store(url, make_rows(owners, options.books, rare=many.public_id))
    print(
        f"\n{DATABASES[database]}, {options.books:,} books, filled in {time.monotonic() - begun:.0f} s; ms",
        flush=True,
    )
    after = medians(few, [{}], options.count * 5)[0]
    print(
        f"{'few: GET /books':24}{before:9.2f} of {SMALL:,}{after:9.2f} now{after / before:9.2f} times",
        flush=True,
    )
    print_pages(many, options)
    print_searches({"few": few, "many": many}, options.count)


def print_pages(many: Person, options: Namespace) -> None:
    """Print how long the first, the thousandth and the last page take by each sort."""
    middle = options.books // 10 // 2 // PAGE
    print(
        f"{'many: GET /books?sort=':24}{'page 1':>9}{f'page {middle:,}':>12}{'last':>9}{'last to first':>15}",
        flush=True,
    )
    for sort in get_args(Sort):
        places = [{}, place(many, sort, (middle - 1) * PAGE, {})]
        places.append(place(many, sort, options.books // 10 - PAGE - (middle - 1) * PAGE, places[1]))
        queries = [{"sort": sort, "limit": PAGE, **at} for at in places]
        first, thousandth, last = medians(many, queries, options.count)
        print(f"{sort:24}{first:9.2f}{thousandth:12.2f}{last:9.2f}{last / first:15.2f}", flush=True)


def place(person: Person, sort: str, books: int, start: Query) -> dict[str, Any]:
    """Return the query of the place that is so many books behind `start`."""
    at = dict(start)
    while books:
        limit = min(books, 200)
        at = {"cursor": get(person, {"sort": sort, "limit": limit, **at})["next"]}
        books -= limit
    return at


def print_searches(people: Mapping[str, Person], count: int) -> None:
    """Print how long the first page of a query takes."""
    some = get(people["many"], {"limit": 1, "sort": "-name"})["list_of_books"][0]
    searches: list[Query] = [{member: some[member]} for member in ("name", "Author", "Publisher")]
    searches.append({"Author": some["Author"], "sort": "-book_prize"})
    for word in (RARE, NOTHING, TOO_SHORT, EVERYWHERE):
        searches += [{"q": word}, {"q": word, "sort": "name"}, {"q": word, "sort": "-book_prize"}]
    print(f"{'first page of':52}" + "".join(f"{who:>9}{'books':>6}" for who in people), flush=True)
    for query in searches:
        print(f"{' '.join(f'{name}={value}' for name, value in query.items()):52}", end="")
        for person in people.values():
            found = len(get(person, query)["list_of_books"])
            print(f"{medians(person, [query], count // 4)[0]:9.2f}{found:6}", end="", flush=True)
        print()


def get(person: Person, query: Query) -> Any:
    return person.get("/books", params=query).json()


def medians(person: Person, queries: Sequence[Query], count: int) -> list[float]:
    """Return the milliseconds that each answer takes; they take turns, so a noisy moment hits all alike."""
    times: list[list[float]] = [[] for _ in queries]
    for _ in range(count):
        for query, taken in zip(queries, times, strict=True):
            begun = time.perf_counter()
            person.get("/books", params=query)
            taken.append(time.perf_counter() - begun)
    return [statistics.median(taken) * 1000 for taken in times]


if __name__ == "__main__":
    sys.exit(main())
