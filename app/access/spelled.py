"""Credentials as text: a prefix to recognise one by, its organisation, its id, and 256 random bits."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from uuid import UUID

from app.errors import Unauthenticated

_SECRET_BYTES = 32
_LENGTH = 86  # 64 bytes in unpadded base64


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Spelled:
    """A credential taken apart. It carries its organisation, so that no look-up is unbound."""

    prefix: str
    organisation: UUID
    id: UUID
    secret: bytes

    @property
    def text(self) -> str:
        """The credential as its owner keeps it."""
        packed = self.organisation.bytes + self.id.bytes + self.secret
        return self.prefix + urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def new_spelled(prefix: str, id_: UUID, *, organisation: UUID) -> Spelled:
    """Make a credential with a fresh secret."""
    return Spelled(prefix=prefix, organisation=organisation, id=id_, secret=secrets.token_bytes(_SECRET_BYTES))


def parse_spelled(prefix: str, text: str) -> Spelled:
    """Take a credential apart, or raise Unauthenticated; whether it is a live one is for the store to say."""
    if len(text) != len(prefix) + _LENGTH or not text.startswith(prefix):
        raise Unauthenticated
    try:
        packed = urlsafe_b64decode(text[len(prefix) :] + "==")
    except (NotBase64, ValueError):
        raise Unauthenticated from None
    if len(packed) != 64:  # what is no base64 is skipped by the decoder
        raise Unauthenticated
    found = Spelled(
        prefix=prefix, organisation=UUID(bytes=packed[:16]), id=UUID(bytes=packed[16:32]), secret=packed[32:]
    )
    if found.text != text:  # base64 has several spellings of one value; only one of them is the credential
        raise Unauthenticated
    return found
