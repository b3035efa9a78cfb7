"""What a client sends: it is never written where it is secret, and it cannot break a line of the log."""

import base64
import json
import secrets

import pytest

from tests import api, served
from tests.cases import every
from tests.common.log_lines import Line, all_lines, lines_of, new_id
from tests.common.wire import send, send_bytes
from tests.pair import SERVICES
from tests.people import Person, book, new_name
from tests.served import ServedPair

pair = served.pair  # its servers are what is tested
# On the database whose errors say the most.
pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")


def line_of(person: Person, request_id: str) -> Line:
    """Return the one line that books has written of a request; fail if any line of its log is broken."""
    (line,) = lines_of(person.served.log("books").read_text(), request_id)
    return line


def test_nothing_secret_is_written(pair: ServedPair) -> None:
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

    basic = base64.b64encode(f"{credentials['name']}:{secret}".encode()).decode()
    keys = [jwk["k"] for jwk in json.loads((pair.folder / "keys.json").read_text())["keys"]]
    for service in SERVICES:
        written = pair.log(service).read_text()
        for part in (secret, token, token.split(".")[2], basic, "argon2", *keys):
            assert part not in written


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
def test_what_is_no_request_leaves_nothing_in_the_log(pair: ServedPair, service: str, message: bytes) -> None:
    hidden = f"Kz9-{secrets.token_hex(8)}"
    api.get(f"{pair.url(service)}/nowhere")  # a line that is there in any case

    answer = send_bytes(pair, service, message.replace(b"HIDDEN", hidden.encode()))

    # gunicorn's own page repeats to the sender what was wrong with it.
    assert answer.status_code in (400, 401, 414, 431, 501)
    assert hidden not in pair.log(service).read_text()
    assert all_lines(pair.log(service).read_text())


PATHS = ["%0d%0a", "%E2%80%A8", "%C2%85", "%00", "%1b[31m", "%22%7D%0a%7B%22event%22:%22login%22%7D"]
PATHS += ["%ff%fe", "%ED%A0%80", "%F0%9F%98%80", "%5c%22", "%7f", "%0b%0c%1c%1d%1e", "1" * 3000]
VALUES = [b"x\xe2\x80\xa8y", b"\xff\xfe", b"a\tb", b'"}{"event":"login"}', b"\xc2\x85", b"%0a%s{}"]
HEADERS = [b"User-Agent", b"X-Forwarded-For", b"Referer", b"X-Request-ID", b"Origin", b"Forwarded"]


@every("text", PATHS)
def test_a_path_cannot_break_a_line_and_is_cut(reader: Person, text: str) -> None:
    headers = [f"X-Request-ID: {(request_id := new_id())}", f"x-access-tokens: {reader.token}"]

    send(reader.pair, "books", f"GET /books/1{text}", headers)

    line = line_of(reader, request_id)
    assert line["event"] == "request"
    assert line["path"].startswith("/books/1")
    assert len(line["path"]) < 300


@every("value", VALUES)
@every("name", HEADERS)
def test_a_header_cannot_break_a_line_or_change_it(reader: Person, name: bytes, value: bytes) -> None:
    answer = send(reader.pair, "books", "GET /nowhere", [name + b": " + value])

    line = line_of(reader, answer.headers["X-Request-ID"])
    assert (line["event"], line["client"]) == ("request", "127.0.0.1")


def test_what_a_body_holds_is_not_written(person: Person) -> None:
    person.post("/books", book(name="Kz9 private reading", price="Kz9 private reading"))
    person.post("/books", book(name="Kz9 private reading"))

    assert "Kz9 private" not in person.served.log("books").read_text()
