"""What attempts are counted for: digests of a name and of the password that is tried, and a network."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from auth_service import names
from common.tokens.keys import KeySet


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and a network, and the digests of the password that is tried, the first to be stored."""

    name_key: bytes
    network: str
    digests: Sequence[bytes]

    def apart(self) -> "Pair":
        """Return what counts attempts of the pair in a full network, and nothing else.

        Of a name that is not known there none is compared, so any other count would tell who is known.
        """
        apart = [hashlib.sha256(b"full" + each).digest() for each in (self.name_key, *self.digests)]
        return Pair(apart[0], f"full {self.network}", apart[1:])


def key_of(name: str) -> bytes:
    """Return the digest that stands for a name, in any case; an invalid name has one too."""
    folded = names.fold_typed(name, otherwise=f"\0{name}")  # no name begins like this
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()


def digests_of(password: str, *, name: str, network: str, keys: KeySet) -> list[bytes]:
    """Return keyed digests of a password of this name from the network, the one of today's key first.

    One for each key that verifies, so that a rotation makes no password a new one; without the keys the
    database reveals nothing of it.
    """
    text = b"\0".join([b"attempt", key_of(name), f"{network}\0{password}".encode("utf-8", "surrogatepass")])
    verifying = keys.verifying.values()
    return [hmac.digest(key.secret, text, "sha256") for key in (keys.signing, *verifying)]
