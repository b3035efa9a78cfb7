"""The key file as a container's secret: others may read what is below /run/secrets, and nothing else."""

import json
from pathlib import Path

import pytest

from common.tokens import keys
from common.tokens.keys import BadKeys, check_mode, read_keys
from tests.common.jwks import jwk, write_text


@pytest.mark.parametrize("mode", [0o400, 0o444, 0o440, 0o600, 0o644, 0o555])
def test_a_mounted_secret_may_be_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setattr(keys, "SECRETS", tmp_path)  # /run is not the tests' to write to
    path, key = tmp_path / "keys.json", jwk()
    write_text(path, json.dumps({"keys": [key]}), mode=mode)

    assert read_keys(path).signing.id == key["kid"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o664, 0o646, 0o666, 0o777])
def test_a_mounted_secret_that_others_can_write_to_is_refused(mode: int) -> None:
    with pytest.raises(BadKeys, match="written by others"):
        check_mode(Path("/run/secrets/keys.json"), mode)


@pytest.mark.parametrize(
    "name",
    [
        "/run/secrets/keys",
        "/run/secrets/a/b.json",
        "/run/./secrets//keys",
        "/run/secrets/a/../b",
        "/run/x/../secrets/k",
    ],
)
def test_a_mounted_secret_is_known_by_its_path(name: str) -> None:
    check_mode(Path(name), 0o444)


@pytest.mark.parametrize(
    "name",
    [
        "/run/secrets",
        "/run/secrets/../keys.json",
        "/run/secrets/a/../../keys.json",
        "/run/secrets/../secrets-of-others/keys.json",
        "/run/secrets2/keys.json",
        "/run/keys.json",
        "/srv/run/secrets/keys.json",
        "run/secrets/keys.json",
        "keys.json",
    ],
)
def test_no_other_path_may_be_readable_by_others(name: str) -> None:
    with pytest.raises(BadKeys, match="0600"):
        check_mode(Path(name), 0o444)
