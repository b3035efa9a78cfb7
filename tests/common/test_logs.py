"""The logs: a line a request and one a security event, nothing secret, nothing that breaks a line."""

import base64
import json
import re
import secrets
from collections.abc import Callable
from itertools import product

from common.ops.console import console_renderer
from tests import api
from tests.cases import every, on_sqlite, own_on_sqlite
from tests.common.log_lines import Line, Log, all_lines
from tests.common.wire import send, send_bytes
from tests.conftest import keys_of
from tests.feed.service_tokens import service_token
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, Person, book, new_name, register
from tests.served import ServedPair

REQUEST = {"method", "path", "route", "status", "milliseconds", "public_id"}
REQUEST |= {"event", "level", "time", "service", "request_id", "client"}

# What of a client could break a line, or look like another one.
PATHS = ["%0d%0a", "%E2%80%A8", "%C2%85", "%00", "%1b[31m", "%22%7D%0a%7B%22event%22:%22login%22%7D"]
PATHS += ["%ff%fe", "%ED%A0%80", "%F0%9F%98%80", "%5c%22", "%7f", "%0b%0c%1c%1d%1e", "1" * 3000]
VALUES = [b"x\xe2\x80\xa8y", b"\xff\xfe", b"a\tb", b'"}{"event":"login"}', b"\xc2\x85", b"%0a%s{}"]
NAMES = [b"User-Agent", b"X-Forwarded-For", b"Referer", b"X-Request-ID", b"Origin", b"Forwarded"]
HEADERS = [name + b": " + value for name, value in product(NAMES, VALUES)]


@on_sqlite
@every(
    "method, path, route, status",
    [
        ("GET", "/books?cursor=x", "/books", 422),
        ("GET", "/books/987654321", "/books/<row:book_id>", 404),
        ("POST", "/book", "/book", 415),
        ("PUT", "/books", None, 405),
        ("OPTIONS", "/books", "/books", 200),
        ("GET", "/", "/", 200),
    ],
)
def test_a_request_writes_one_line_which_says_whose_it_was(
    log: Log, person: Person, method: str, path: str, route: str | None, status: int
) -> None:
    answer = person.request(method, "books", path)

    (line,) = log.of(answer.headers["X-Request-ID"])
    assert line.keys() | {"public_id"} == REQUEST
    assert (line["method"], line["path"], line["status"]) == (method, path.partition("?")[0], status)
    assert line["route"] == route
    assert (line["event"], line["service"], line["client"]) == ("request", "books_service", "127.0.0.1")
    assert line["milliseconds"] >= 0
    is_guarded = route is not None and route.startswith("/book") and method != "OPTIONS"
    assert line.get("public_id") == (person.public_id if is_guarded else None)


@on_sqlite
def test_what_concerns_security_is_noted_with_a_reason_that_the_client_does_not_read(
    log: Log, person: Person
) -> None:
    def noted(path: str, token: str = "", service: str = "auth", **body: str) -> tuple[str, str | None]:
        url, headers = person.pair.url(service) + path, {"x-access-tokens": token}
        answer = api.request("POST" if body else "GET", url, json=body or None, headers=headers)
        event, request = log.of(answer.headers["X-Request-ID"])
        assert request["event"] == "request"
        assert event.get("public_id") or event["event"] not in ("registered", "login", "forbidden")
        assert event.get("reason", "no reason") not in answer.text
        return event["event"], event.get("reason")

    name = new_name()
    assert noted("/register", name=name, password=PASSWORD) == ("registered", None)
    assert noted("/login", name=name, password=PASSWORD) == ("login", None)
    assert noted("/login", name=name, password="wrong") == ("login_failed", "wrong_password")
    for unknown in (new_name(), "a:b"):
        assert noted("/login", name=unknown, password="wrong") == ("login_failed", "unknown_name")
    for service, path in (("auth", "/me"), ("books", "/books")):
        for token, reason in (("x", "malformed"), ("e30.e30.e30", "algorithm"), ("x" * 5000, "size")):
            assert noted(path, token, service) == ("token_rejected", reason)
    assert noted("/users", person.token) == ("forbidden", "not_admin")


@on_sqlite
def test_nothing_secret_is_written(log: Log, pair: Pair) -> None:
    secret = "Kz9-very-secret"
    credentials = {"name": new_name(), "password": secret}
    auth, books = pair.url("auth"), pair.url("books")

    token = api.post(f"{auth}/register", json=credentials).json()["token"]
    api.post(f"{auth}/login", auth=(credentials["name"], secret))
    api.post(f"{auth}/login", auth=(secret, "wrong"))
    api.post(f"{auth}/login", json={"name": secret, "password": secret, secret: secret})
    api.post(f"{auth}/login", data=f'{{"password": "{secret}')
    api.get(f"{books}/books?token={token}&password={secret}")
    api.get(f"{books}/books", headers={"Authorization": f"Bearer {token}{secret}"})
    api.get(f"{books}/books", headers={"x-access-tokens": token, "User-Agent": secret})
    api.get(f"{books}/books", headers={"Cookie": f"token={token}", "Referer": secret})
    for body in (book(name=secret, price=secret), book(name=secret), book(name=secret)):
        api.post(f"{books}/books", json=body, headers={"x-access-tokens": token})

    basic = base64.b64encode(f"{credentials['name']}:{secret}".encode()).decode()
    keys = [jwk["k"] for jwk in json.loads((pair.folder / "keys.json").read_text())["keys"]]
    assert len(all_lines(log.text)) >= 12
    for part in (secret, token, token.split(".")[2], basic, "argon2", *keys):
        assert part not in log.text


@on_sqlite
@every("path, header", [(f"/books/1{text}", b"") for text in PATHS] + [("/x", header) for header in HEADERS])
def test_no_client_breaks_a_line_or_changes_it(log: Log, pair: Pair, path: str, header: bytes) -> None:
    answer = send(pair, "books", f"GET {path}", [header] if header else [])

    *_, line = log.of(answer.headers["X-Request-ID"])
    assert (line["event"], line["client"]) == ("request", "127.0.0.1")
    assert line["path"].startswith(path[:8])
    assert len(line["path"]) < 300


@own_on_sqlite
def test_what_programs_ask_all_day_is_logged_as_ever_if_there_is_something_to_see(
    log: Log, own_pair: Pair
) -> None:
    own_pair.services = ("auth",)
    person = register(own_pair.start())
    headers = {"Authorization": f"Bearer {service_token(keys_of(own_pair)[0])}"}

    def levels(path: str, pair: Pair = own_pair, *, status: int = 200) -> list[str]:
        answer = api.get(pair.url("auth") + path, headers=headers)
        assert answer.status_code == status, answer.text
        return [line["level"] for line in log.of(answer.headers["X-Request-ID"])]

    debug = own_pair.variant(LOG_LEVEL="debug")
    for path in ("/healthz", "/readyz", "/events?after=0"):
        assert (levels(path), levels(path, debug)) == ([], ["debug"])
    assert levels("/events?after=9") == levels("/events?after=x", status=422) == ["info"]
    person.delete("/sessions", "auth")
    assert levels("/events?after=0") == ["info"]
    failing = own_pair.variant(AUTH_DATABASE_URL=f"sqlite:///{own_pair.folder}/empty.db")
    assert levels("/readyz", failing, status=503) == ["info"]


@every(
    "message",
    [
        b"GET /books?password=HIDDEN HTTP/1.1 x\r\nHost: x\r\n\r\n",
        b"GET  /books?password=HIDDEN HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HIDDEN\r\n\r\n",
        b"GET /books HTTP/1.1\r\nAuthorization Bearer HIDDEN\r\n\r\n",
        b"GET /books HTTP/1.1\r\nAuthorization: Bearer\r\n HIDDEN\r\n\r\n",
        b"GET /books HTTP/1.1\r\nAuthorization: Bearer HIDDEN\x00\r\n\r\n",
        b"POST /books HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: HIDDEN\r\n\r\n",
        b"POST /books HTTP/1.1\r\nHost: x\r\nContent-Length: HIDDEN\r\n\r\n",
        b"GET /books?password=HIDDEN&x=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /books HTTP/1.1\r\nHost: x\r\nCookie: HIDDEN" + b"x" * 9000 + b"\r\n\r\n",
    ],
)
@every("service", SERVICES)
def test_what_is_no_request_leaves_nothing_in_the_log_of_a_server(
    served_pairs: Callable[[str], ServedPair], service: str, message: bytes
) -> None:
    pair, hidden = served_pairs("postgresql"), f"Kz9-{secrets.token_hex(8)}"
    api.get(f"{pair.url(service)}/nowhere")  # a line that is there in any case

    answer = send_bytes(pair, service, message.replace(b"HIDDEN", hidden.encode()))

    # gunicorn's own page repeats to the sender what was wrong with it.
    assert answer.status_code in (400, 401, 414, 431, 501)
    assert hidden not in pair.log(service).read_text()
    assert all_lines(pair.log(service).read_text())


@own_on_sqlite
def test_no_client_sends_a_terminal_anything_but_text(own_served_pair: ServedPair) -> None:
    pair = own_served_pair
    pair.environment |= {"LOG_FORMAT": "console", "LOG_LEVEL": "debug", "NO_COLOR": "1", "TZ": "UTC"}
    pair.start("books")
    for text in PATHS:
        send(pair, "books", f"GET /books/1{text}")
    for header in HEADERS:
        send(pair, "books", "GET /nowhere", [header])
    for path in ("/metrics", "/elsewhere"):
        api.get(f"http://127.0.0.1:{pair.metrics_ports['books']}{path}")
    pair.stop("books")

    lines = pair.log("books").read_bytes().decode().split("\n")[:-1]
    is_line = re.compile(r"\d\d:\d\d:\d\d books \S.*").fullmatch
    assert [line for line in lines if not (is_line(line) and line.isprintable())] == []
    assert len([line for line in lines if " 404 GET /nowhere " in line]) == len(HEADERS)
    *_, scrape, refused = [line[9:] for line in lines if "scrape" in line]
    assert scrape == "books 200 [debug] scrape client=127.0.0.1"
    assert refused == "books 404 scrape client=127.0.0.1"


def in_terminal(line: Line, *, colors: bool = False) -> str:
    """Return what a terminal shows of a line behind the time, which is that of the place."""
    common: Line = {"level": "info", "time": "2026-11-28T15:05:31.250000+00:00", "service": "auth_service"}
    return console_renderer(colors=colors)(common | line)[9 if not colors else 0 :]


EVENT: Line = {"event": "login_failed", "reason": "locked"}
ASKED: Line = {"event": "request", "method": "GET", "path": "/me", "status": 200, "milliseconds": 0.75}


def test_a_line_in_a_terminal_says_what_is_known_and_holds_no_control_character() -> None:
    assert in_terminal(ASKED | {"client": "127.0.0.1", "public_id": None}) == "auth  200 GET /me 0.75 ms"
    assert in_terminal(EVENT) == "auth  login_failed reason=locked"
    for level in ("debug", "warning", "error"):
        assert in_terminal(EVENT | {"level": level}) == f"auth  [{level}] login_failed reason=locked"
    error = {"reason": "<\ud800\x9b2J\u202e>", "exception": "E: \x1b[2J\nauth  login"}
    first, *others = in_terminal(EVENT | error).split("\n")
    assert first == r"auth  login_failed reason=<\ud800\x9b2J\u202e>"
    assert others == [r"    E: \x1b[2J", "    auth  login"]  # none looks like an event
    for status, color in ((200, "32"), (304, "32"), (404, "33"), (503, "31")):
        assert f"\x1b[{color}m{status}\x1b[0m" in in_terminal(ASKED | {"status": status}, colors=True)
