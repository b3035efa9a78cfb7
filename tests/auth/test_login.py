"""POST /login: HTTP Basic or JSON, and one answer for whatever is wrong."""

import base64
from typing import Any

import jwt
import pytest
import requests

from tests import api
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name, register

CHALLENGE = 'Basic realm="bookstore", charset="UTF-8"'


def log_in(pair: Pair, authorization: str | bytes | None = None, **options: Any) -> requests.Response:
    """Send a login with this `Authorization` header, if any."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return api.post(pair.url("auth") + "/login", headers=headers, timeout=30, **options)


def basic(name: str, password: str, scheme: str = "Basic ") -> str:
    return scheme + base64.b64encode(f"{name}:{password}".encode()).decode()


def encoded(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


def assert_refused(answer: requests.Response) -> None:
    assert_problem(answer, 401, "could not verify")
    assert answer.headers["WWW-Authenticate"] == CHALLENGE


def test_a_login_with_basic_credentials_answers_with_a_token(pair: Pair, person: Person) -> None:
    answer = log_in(pair, basic(person.name, PASSWORD))

    told = answer.json()
    assert answer.status_code == 200
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 2700)
    assert answer.headers["Cache-Control"] == "no-store"
    person.token = told["token"]
    assert person.get("/me", "auth").json()["public_id"] == person.public_id


def test_a_login_with_a_json_body_is_the_same(pair: Pair, person: Person) -> None:
    with_basic = log_in(pair, basic(person.name, PASSWORD))
    with_json = log_in(pair, json={"name": person.name, "password": PASSWORD})

    assert with_json.status_code == with_basic.status_code == 200
    assert with_json.json().keys() == with_basic.json().keys()


def test_each_login_is_a_session_of_its_own(pair: Pair, person: Person) -> None:
    tokens = [log_in(pair, basic(person.name, PASSWORD)).json()["token"] for _ in range(2)]

    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    assert len({each["sid"] for each in claims}) == len({each["jti"] for each in claims}) == 2


def test_a_login_is_noted(pair: Pair, person: Person) -> None:
    log_in(pair, basic(person.name, PASSWORD))

    user = person.get("/me", "auth").json()
    assert user["last_login_at"] > user["created_at"]


@pytest.mark.parametrize("scheme", ["Basic ", "basic ", "BASIC ", "Basic  "])
def test_the_scheme_is_read_in_any_case(pair: Pair, person: Person, scheme: str) -> None:
    assert log_in(pair, basic(person.name, PASSWORD, scheme)).status_code == 200


@pytest.mark.parametrize(
    "spelling", [str.upper, str.title, "  {} ".format, lambda name: name.replace(" ", "\u2003")]
)
def test_a_name_is_known_in_whatever_spelling(pair: Pair, person: Person, spelling: Any) -> None:
    assert log_in(pair, basic(spelling(person.name), PASSWORD)).status_code == 200
    assert log_in(pair, json={"name": spelling(person.name), "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize(
    "password", ["with:a:colon:", ":starts with one", " spaces around ", "пароль 密码 \U0001f511"]
)
def test_a_password_is_taken_to_the_letter(pair: Pair, password: str) -> None:
    name = f"Jürgen {new_name()}"
    body = {"name": name, "password": password}
    assert api.post(pair.url("auth") + "/register", json=body, timeout=30).status_code == 201

    assert log_in(pair, basic(name, password)).status_code == 200
    assert_refused(log_in(pair, basic(name, password.replace(":", "").strip(" ") + ".")))


# None of them is a scheme and credentials, or none that anybody has.
STRANGE = ["Basic", "Basic ", "Basic !!!!", "Basic -_-_", "Basic \xff", "Basic QW5u", "Basic QW5uOng"]
STRANGE += ["Basic\tQW5uOng=", "Basic QW5uOng= x", "Basic QW5uOng==", "BasicQW5uOng=", "QW5uOng="]
STRANGE += ["Digest QW5uOng=", "Bearer QW5uOng="]
STRANGE += map(
    encoded, [b"", b":", b"Ann:", b":x", b"\xff\xfe:x", b"Ann\x00:x", b"\xed\xa0\x80:x", b"a\nb:x"]
)
STRANGE += map(encoded, [b"a\nb:x", b"x" * 5000 + b":x", b"Ann:" + "\u0301".encode() * 2500])


@pytest.mark.parametrize("authorization", STRANGE, ids=lambda value: ascii(value)[:30])
def test_an_authorization_that_says_nothing_right_is_refused(pair: Pair, authorization: str) -> None:
    assert_refused(log_in(pair, authorization.encode("latin-1")))


def test_an_empty_authorization_header_is_none(pair: Pair, person: Person) -> None:
    assert log_in(pair, "", json={"name": person.name, "password": PASSWORD}).status_code == 200
    assert_refused(log_in(pair, ""))
    assert_refused(log_in(pair))


@pytest.mark.parametrize("authorization", ["Bearer {token}", "Basic QW5uOng=", "Negotiate x"])
def test_a_body_is_not_looked_at_beside_an_authorization_header(
    pair: Pair, person: Person, authorization: str
) -> None:
    body = {"name": person.name, "password": PASSWORD}

    assert_refused(log_in(pair, authorization.format(token=person.token), json=body))


@pytest.mark.parametrize("body", [b"nonsense", b'{"name": 1}', b" " * 70_000])
def test_basic_credentials_are_enough_whatever_the_body(pair: Pair, person: Person, body: bytes) -> None:
    assert log_in(pair, basic(person.name, PASSWORD), data=body).status_code == 200


def test_nobody_learns_which_part_was_wrong(pair: Pair, operator: Operator) -> None:
    known, disabled = register(pair), register(pair)
    operator.succeed("users", "disable", disabled.name)

    tries = [
        (known.name, "a wrong password"),
        (new_name(), "a wrong password"),
        (new_name(), PASSWORD),
        (disabled.name, PASSWORD),
        (disabled.name, "a wrong password"),
        ("not:a:name", PASSWORD),
        ("x" * 500, PASSWORD),
        ("", ""),
        (known.name, "\x00"),
        (known.name, "x" * 5000),
    ]
    answers = [log_in(pair, json={"name": name, "password": password}) for name, password in tries]
    answers += [log_in(pair, basic(name, password)) for name, password in tries[:4]]

    for answer in answers:
        assert_refused(answer)
        for header in ("X-Request-ID", "Date"):
            del answer.headers[header]
    assert len({(answer.content, str(sorted(answer.headers.items()))) for answer in answers}) == 1
