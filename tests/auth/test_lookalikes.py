"""Names that look like another's, or like nothing, are refused; those of every script may register."""

import pytest
import requests
from sqlalchemy import update

from auth_service.models import User
from auth_service.names import InvalidName, fold_name, normalise
from tests import api
from tests.auth.database import execute
from tests.auth.shell import Operator
from tests.cases import every
from tests.pair import Pair
from tests.people import PASSWORD, complaints, new_name, register

ZWNJ, ZWJ = "\u200c", "\u200d"


@every(
    "name",
    [
        f"می{ZWNJ}خواهم",  # Persian: between letters
        f"علی{ZWNJ}رضا",
        f"حمید{ZWNJ}رضا",
        f"क्{ZWJ}ष",  # Devanagari: behind a virama
        f"श्{ZWNJ}री",
        f"ශ්{ZWJ}රී",  # Sinhala
        f"ක්{ZWJ}රිෂාන්",
        f"র{ZWJ}্যাব",  # Bengali: between letters, before a virama
        f"ന്{ZWJ}",  # Malayalam: a chillu at the end
        "مُحَمَّد",
        "李小龍",
        "김철수",
        "Nguyễn Văn",
        "Αλέξανδρος",
        "Иван Petrov",
        "John-Иван",
        "O'Brien",
        "😀",
    ],
)
def test_a_name_of_any_script_is_taken(name: str) -> None:
    assert normalise(name) == name


@every(
    "code_point",
    "\u034f\ufe0f\U000e0100\u3164\u115f\u1160\uffa0\u2800\u180b\u17b4\u17b5\u00ad\u200b\u2060\ufeff\U0001d159",
)
@every("where", ["An{}na", "Anna{}", "{}", "{}Anna", "می{}خواهم"])
def test_what_shows_nothing_is_refused(where: str, code_point: str) -> None:
    with pytest.raises(InvalidName):
        normalise(where.format(code_point))


@every("joiner", [ZWNJ, ZWJ])
@every("where", ["An{}na", "می{}", "{}می", "می{0}{0}خواهم", "می{} خواهم", "می{}a", "а{}н", "1{}2", "👨{}👩"])
def test_a_joiner_where_no_script_needs_it_is_refused(where: str, joiner: str) -> None:
    with pytest.raises(InvalidName, match="invisible"):
        normalise(where.format(joiner))


@every("name", ["Аnna", "Αnna", "pаypal", "Ann Аnna", "Annа1", "1Αnna", "Ann_а", "аnn\u0301"])
def test_a_word_does_not_mix_scripts_that_look_alike(name: str) -> None:
    with pytest.raises(InvalidName, match="mix"):
        normalise(name)


def test_joiners_make_no_second_name() -> None:
    assert fold_name(normalise(f"حمید{ZWNJ}رضا")) == fold_name(normalise("حمیدرضا"))


def log_in(pair: Pair, name: str) -> requests.Response:
    return api.post(pair.url("auth") + "/login", auth=(name.encode(), PASSWORD.encode()))


def test_a_name_with_a_joiner_registers_once_and_logs_in_with_or_without_it(pair: Pair) -> None:
    digits = new_name()[-8:]
    body = {"name": f"می{ZWNJ}خواهم {digits}", "password": PASSWORD}

    first, second = (api.post(pair.url("auth") + "/register", json=body) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 409)
    assert log_in(pair, body["name"]).status_code == 200
    assert log_in(pair, body["name"].replace(ZWNJ, "")).status_code == 200


@pytest.mark.parametrize("old", ["An\u034fna {}", "Anna\u3164 {}", "\u2800 {}", "Аnna {}"])
def test_a_user_from_before_these_rules_logs_in_and_can_be_changed(
    pair: Pair, operator: Operator, old: str
) -> None:
    person = register(pair)
    name = old.format(new_name()[-8:])
    names = {"name": name, "folded_name": fold_name(name)}
    execute(pair, update(User).where(User.public_id == person.public_id).values(**names))

    assert log_in(pair, name).status_code == 200
    assert operator.succeed("users", "disable", name) == "done"
    assert "user.disabled" in operator.succeed("audit", "--user", name)
    taken = api.post(pair.url("auth") + "/register", json={"name": name, "password": PASSWORD})
    assert complaints(taken) == ["/name"]
