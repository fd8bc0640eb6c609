"""Signed tokens taken apart: what one claims to be, and whether a key of an explicit list of algorithms signed it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.errors import Unauthenticated

#: `EdDSA` and `Ed25519` (RFC 9864) are two names of one algorithm. None of them is symmetric.
ASSERTION_ALGORITHMS: Final = ("ES384", "RS384", "ES256", "EdDSA", "Ed25519")
#: Identity providers sign with RS256 unless told otherwise.
ISSUER_ALGORITHMS: Final = (*ASSERTION_ALGORITHMS, "RS256")
LONGEST: Final = 8192
_RSA_BITS = 2048
_READERS: dict[str, Callable[[dict[str, Any]], Key]] = {
    "EC": ECKey.import_key,
    "RSA": RSAKey.import_key,
    "OKP": OKPKey.import_key,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Header and claims of a token."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def key_id(self) -> str | None:
        """The id of the key that is said to have signed it."""
        found = self.header.get("kid")
        return found if isinstance(found, str) else None


class _Registry(JWSRegistry):
    """Algorithms of a list that stands in our code: the library's own warnings about names are not needed."""

    max_payload_length = LONGEST

    def get_alg(self, name: str) -> Any:
        """Return an algorithm of the list."""
        if name not in (self.allowed or ()):
            raise JoseError
        return self.algorithms[name]


def peek(text: str) -> Signed:
    """Read what a token says of itself, unproven, or raise Unauthenticated.

    It serves to find the keys to hold the token against, and for nothing else.
    """
    parts = text.split(".")
    if len(parts) != 3 or len(text) > LONGEST or not text.isascii():
        raise Unauthenticated
    return Signed(header=_object(parts[0]), claims=_object(parts[1]))


def proven(text: str, key: KeySet | ECKey, *, algorithms: Collection[str]) -> Signed:
    """Return a token that one of these keys signed, or raise Unauthenticated; a key in its header counts nothing."""
    try:
        token = jwt.decode(text, key, algorithms=algorithms, registry=_Registry(algorithms=algorithms))
    except (JoseError, ValueError, TypeError, KeyError):
        raise Unauthenticated from None
    return Signed(header=token.header, claims=token.claims)


def usable_keys(document: Mapping[str, Any]) -> KeySet:
    """Read the public keys of a set that can verify a signature; private, symmetric and weak ones are left out."""
    return KeySet([key for one in document["keys"] if (key := _key(one)) is not None])


def _key(document: Mapping[str, Any]) -> Key | None:
    reader = _READERS.get(str(document.get("kty")))
    if reader is None or document.get("use", "sig") != "sig" or "d" in document:
        return None
    try:
        return None if _is_weak(document) else reader(dict(document))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _is_weak(document: Mapping[str, Any]) -> bool:
    if document["kty"] != "RSA":
        return False
    modulus = str(document["n"])
    return int.from_bytes(urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length() < _RSA_BITS


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise Unauthenticated from None
    if not isinstance(found, dict):
        raise Unauthenticated
    return found
