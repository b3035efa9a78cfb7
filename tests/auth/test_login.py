"""POST /login: HTTP Basic or JSON, and one answer for whatever is wrong, without a dialog over a page."""

from base64 import b64encode
from typing import Any

import requests

from tests import api
from tests.auth.logins import CHALLENGE, granted
from tests.auth.users import Operator
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name, register

BEARER = 'Bearer realm="bookstore"'
WRONG_BASIC = ("Ann", "not the password")
WRONG_BODY = {"name": "Ann", "password": "not the password"}
FETCH, XHR = {"Sec-Fetch-Dest": "empty"}, {"X-Requested-With": "XMLHttpRequest"}
NAVIGATION = {"Sec-Fetch-Dest": "document"}


def log_in(pair: Pair, authorization: str | bytes | None = None, **options: Any) -> requests.Response:
    """Send a login with this `Authorization` header, if any."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return api.post(pair.url("auth") + "/login", headers=headers, **options)


def basic(name: str, password: str = PASSWORD, *, scheme: str = "Basic ", encoding: str = "utf-8") -> str:
    return scheme + b64encode(f"{name}:{password}".encode(encoding)).decode()


def body(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"name": name, "password": password}


def assert_refused(answer: requests.Response) -> None:
    problem = assert_problem(answer, 401, "could not verify")
    assert problem["detail"] == "wrong name or password"
    assert answer.headers["WWW-Authenticate"] == CHALLENGE


def test_a_login_by_basic_or_a_body_is_a_session_of_its_own(pair: Pair, person: Person) -> None:
    with_basic = granted(pair, log_in(pair, basic(person.name)))
    with_json = granted(pair, log_in(pair, json=body(person.name)))

    for login in (with_basic, with_json):
        user = login.request("GET", "/me").json()
        assert user["public_id"] == person.public_id
        assert user["last_login_at"] > user["created_at"]
    assert with_basic.session_id != with_json.session_id
    assert with_basic.claims["jti"] != with_json.claims["jti"]


@on_sqlite
def test_a_name_is_known_in_whatever_spelling_and_encoding(pair: Pair) -> None:
    name = register(pair, f"Jürgen {new_name()}").name

    for spelling in (name.upper(), f"  {name.title()} ", name.replace(" ", "\u2003")):
        assert log_in(pair, basic(spelling)).status_code == 200
        assert log_in(pair, json=body(spelling)).status_code == 200
    for encoding in ("utf-8", "latin-1"):
        assert log_in(pair, basic(name, encoding=encoding)).status_code == 200
        assert_refused(log_in(pair, basic(name, f"{PASSWORD}é", encoding=encoding)))


@on_sqlite
@every("password", ["with:a:colon:", ":starts with one", " spaces around ", "пароль 密码 \U0001f511"])
def test_a_password_is_taken_to_the_letter(pair: Pair, password: str) -> None:
    name = new_name()
    granted(pair, api.post(pair.url("auth") + "/register", json=body(name, password)))

    assert log_in(pair, basic(name, password)).status_code == 200
    assert_refused(log_in(pair, basic(name, password.replace(":", "").strip(" ") + ".")))


# None of them is a scheme and credentials, or none that anybody has.
STRANGE = ["Basic", "Basic ", "Basic !!!!", "Basic -_-_", "Basic \xff", "Basic QW5u", "Basic QW5uOng"]
STRANGE += ["Basic\tQW5uOng=", "Basic QW5uOng= x", "Basic QW5uOng==", "BasicQW5uOng=", "QW5uOng="]
STRANGE += ["Digest QW5uOng=", "Bearer QW5uOng="]
CREDENTIALS = [b"", b":", b"Ann:", b":x", b"\xff\xfe:x", b"Ann\x00:x", b"\xed\xa0\x80:x", b"a\nb:x"]
CREDENTIALS += [b"x" * 5000 + b":x", b"Ann:" + "\u0301".encode() * 2500]


@on_sqlite
@every("authorization", STRANGE + [f"Basic {b64encode(each).decode()}" for each in CREDENTIALS])
def test_an_authorization_that_says_nothing_right_is_refused(pair: Pair, authorization: str) -> None:
    assert_refused(log_in(pair, authorization.encode("latin-1")))


@on_sqlite
def test_a_body_is_not_looked_at_beside_an_authorization_header(pair: Pair, person: Person) -> None:
    right = body(person.name)

    for authorization in (f"Bearer {person.token}", "Basic QW5uOng=", "Negotiate x"):
        assert_refused(log_in(pair, authorization, json=right))
    for scheme, sent in (("Basic ", b"nonsense"), ("basic ", b'{"name": 1}'), ("BASIC  ", b" " * 70_000)):
        assert log_in(pair, basic(person.name, scheme=scheme), data=sent).status_code == 200
    assert log_in(pair, "", json=right).status_code == 200  # an empty header is none
    assert_refused(log_in(pair, ""))


@on_sqlite
@every(
    "options, of_login, of_deletion",
    [
        ({}, CHALLENGE, CHALLENGE),
        ({"auth": WRONG_BASIC, "json": WRONG_BODY}, CHALLENGE, CHALLENGE),
        ({"headers": NAVIGATION}, CHALLENGE, CHALLENGE),
        ({"json": WRONG_BODY}, BEARER, CHALLENGE),
        ({"auth": WRONG_BASIC, "headers": FETCH}, BEARER, BEARER),
        ({"headers": XHR}, BEARER, BEARER),
    ],
)
def test_no_dialog_over_a_page(pair: Pair, options: dict[str, Any], of_login: str, of_deletion: str) -> None:
    for method, path, challenge in (("POST", "/login", of_login), ("DELETE", "/me", of_deletion)):
        refused = api.request(method, pair.url("auth") + path, **options)
        assert_problem(refused, 401, "could not verify")
        assert refused.headers["WWW-Authenticate"] == challenge


@on_sqlite
def test_nobody_learns_which_part_was_wrong(pair: Pair, operator: Operator) -> None:
    known, disabled = register(pair).name, register(pair).name
    operator.succeed("users", "disable", disabled)

    tries = [(known, "a wrong password"), (new_name(), "a wrong password"), (new_name(), PASSWORD)]
    tries += [(disabled, PASSWORD), (disabled, "a wrong password"), ("not:a:name", PASSWORD)]
    tries += [("x" * 500, PASSWORD), ("", ""), (known, "\x00"), (known, "x" * 5000)]
    by_body = [log_in(pair, json=body(*each)) for each in tries]
    by_basic = [log_in(pair, basic(*each)) for each in tries[:4]]

    for answers in (by_body, by_basic):  # which differ in their challenge
        for answer in answers:
            assert_problem(answer, 401, "could not verify")
            for header in ("X-Request-ID", "Date"):
                del answer.headers[header]
        assert len({(answer.content, str(sorted(answer.headers.items()))) for answer in answers}) == 1
