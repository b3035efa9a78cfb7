"""What a file that is imported may look like, and how a request that brings another is refused."""

from tests.books.conftest import somebody
from tests.books.files import CSV, HEADER, NDJSON, as_csv, books, export, import_file, places, shelf_of
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, assert_problem, complaints

# A file is read before a database is asked.
pytestmark = on_sqlite

LIMIT = 16 * 1024 * 1024  # bytes
CSV_LINES = ["name,Author,Publisher,book_prize", "a,b,c,", "", "d,e,f,12", " \t"]
NDJSON_LINES = ["", '{"name":"a","Author":"b","Publisher":"c"}', "  "]
NDJSON_LINES += ['{ "book_prize" : 12.0, "name":"d" ,"Author":"e","Publisher":"\\u0066"}']


@every("kind, lines", [(CSV, CSV_LINES), (NDJSON, NDJSON_LINES)])
@every("end", ["\r\n", "\n", "\r"])
@every("mark", ["", "\ufeff"])
@every("last", [True, False])
def test_lines_end_in_any_way_and_a_byte_order_mark_is_taken(
    pair: Pair, kind: str, lines: list[str], end: str, mark: str, last: bool
) -> None:
    person = somebody(pair)

    answer = import_file(person, mark + end.join(lines) + end * last, kind)

    assert answer.json() == {"created": 2, "skipped": 0}
    assert export(person).decode() == f"{HEADER}a,b,c,\r\nd,e,f,12\r\n"


@every(
    "file, row",
    [
        ("Author,name,Publisher\nb,a,c", "a,b,c,"),
        ('"name","Author","Publisher","book_prize"\n"a","b","c","1"', "a,b,c,1"),
        (f"{HEADER}'a,''b,=c,12", "'a,'b,=c,12"),
        (f"{HEADER}a,b,c,02147483647", "a,b,c,2147483647"),
        (f"{HEADER}a,b,c,{'0' * 5000}", "a,b,c,0"),
        ('name,Author,Publisher\n"a,""b""",x\'y, c ', 'a,"b",x\'y, c ,'),
    ],
)
def test_what_csv_may_look_like(pair: Pair, file: str, row: str) -> None:
    person = somebody(pair)

    assert import_file(person, file).json() == {"created": 1, "skipped": 0}
    name, author, publisher, prize = shelf_of(person)[0].values()
    assert f"{name},{author},{publisher},{'' if prize is None else prize}" == row


@every(
    "kind",
    ["TEXT/CSV", "text/csv; charset=utf-8", 'text/csv; charset="UTF-8"; header=present']
    + ["application/vnd.ms-excel", "Application/VND.MS-Excel; charset=utf-8"],  # as some browsers call it
)
def test_the_type_of_csv_has_two_names_and_may_have_parameters(pair: Pair, kind: str) -> None:
    answer = import_file(somebody(pair), as_csv(books(2)), kind)

    assert (answer.status_code, answer.json()) == (200, {"created": 2, "skipped": 0})


@every(
    "kind",
    ["", "text/plain", "application/json", "text/csv; charset=latin-1", "text/csvx", "text/csv\xa0"]
    + ["text/csv\x85;charset=utf-8"],
)
def test_another_type_is_415_and_so_is_a_compressed_file(person: Person, kind: str) -> None:
    answer = import_file(person, HEADER, kind)

    types = "text/csv or application/x-ndjson or application/vnd.ms-excel"
    assert_problem(answer, 415, f"the body must be {types} in UTF-8")
    assert_problem(import_file(person, HEADER, **{"Content-Encoding": "gzip"}), 415)


@every("chunked", [False, True])
def test_a_file_over_16_mib_is_413(person: Person, chunked: bool) -> None:
    body = HEADER.encode().ljust(LIMIT)
    larger = body + b" "

    assert places(import_file(person, iter([body]) if chunked else body)) == [(2, "")]
    for kind in (CSV, "text/plain"):
        assert_problem(import_file(person, iter([larger]) if chunked else larger, kind), 413)


@every("bad", [b"\xff", b"\xc3", b"\xef", b"\xef\xbb", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_what_is_not_utf_8_is_400_and_the_answer_says_what_to_do(person: Person, bad: bytes) -> None:
    for body in (bad, as_csv(books(1)) + bad, as_csv(books(1)).replace(b"Book", bad)):
        for kind in (CSV, NDJSON):
            problem = assert_problem(import_file(person, body, kind), 400, "the body is not UTF-8")
            assert problem["detail"].endswith('a spreadsheet has to save the file as "CSV UTF-8"')
    assert shelf_of(person) == []


@every("bad", [b"a", b"\x00\xd8", b"\x00\xdc\x00\x00", b"\x3d\xd8a\x00"])
def test_broken_utf_16_is_400(person: Person, bad: bytes) -> None:
    for file in (b"\xff\xfe", as_csv(books(1)).decode().encode("utf-16")):
        assert_problem(import_file(person, file + bad), 400, "the body is not UTF-8")


def test_it_is_400_whatever_was_read_before(person: Person) -> None:
    for head in (as_csv(books(9000)), b"no header\n" * 9000):
        for kind in (CSV, NDJSON):
            assert_problem(import_file(person, head + b"\xff", kind), 400, "the body is not UTF-8")
    utf_16 = as_csv(books(9000)).decode().encode("utf-16")
    assert_problem(import_file(person, utf_16 + b"\x00\xd8"), 400, "the body is not UTF-8")
    assert_problem(import_file(person, utf_16, NDJSON), 400, "the body is not UTF-8")
    assert shelf_of(person) == []


@every(
    "query, wrong",
    [(query, [query.partition("=")[0]]) for query in ("dry_run=2", "on_duplicate=replace")]
    + [("format=csv&x=1", ["format", "x"]), ("dry_run=0&dry_run=0", ["dry_run"])],
)
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str, wrong: list[str]) -> None:
    assert complaints(import_file(person, as_csv(books(1)), query=f"?{query}")) == wrong
    assert complaints(import_file(person, f"{HEADER}a,b", query=f"?{query}")) == [*wrong, ""]
    assert shelf_of(person) == []


def test_the_order_of_refusals(person: Person) -> None:
    large = b"\xff" * (LIMIT + 1)

    assert_problem(import_file(person, large, "text/plain", "?x=1", Authorization="Bearer x"), 401)
    assert_problem(import_file(person, large, "text/plain", "?x=1"), 413)
    assert_problem(import_file(person, b"\xff", "text/plain", "?x=1"), 415)
    assert_problem(import_file(person, b"\xff", CSV, "?x=1"), 400)
    assert_problem(import_file(person, b"", CSV, "?x=1"), 422)
