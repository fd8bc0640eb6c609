"""The text of an API key: a prefix to recognise it by, its organisation, its id, and 256 random bits."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from uuid import UUID

from app.errors import Unauthenticated

PREFIX = "alliance_"
_SECRET_BYTES = 32
_LENGTH = len(PREFIX) + 86  # 64 bytes in unpadded base64


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApiKey:
    """An API key taken apart. It carries its organisation, so that no look-up is unbound."""

    organisation: UUID
    key_id: UUID
    secret: bytes

    @property
    def text(self) -> str:
        """The key as its owner keeps it."""
        packed = self.organisation.bytes + self.key_id.bytes + self.secret
        return PREFIX + urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def new_api_key(*, organisation: UUID, key_id: UUID) -> ApiKey:
    """Make a key with a fresh secret."""
    return ApiKey(organisation=organisation, key_id=key_id, secret=secrets.token_bytes(_SECRET_BYTES))


def parse_api_key(text: str) -> ApiKey:
    """Take a key apart, or raise Unauthenticated; whether it is a live key is for the store to say."""
    if len(text) != _LENGTH or not text.startswith(PREFIX):
        raise Unauthenticated
    try:
        packed = urlsafe_b64decode(text[len(PREFIX) :] + "==")
    except (NotBase64, ValueError):
        raise Unauthenticated from None
    if len(packed) != 64:  # what is no base64 is skipped by the decoder
        raise Unauthenticated
    key = ApiKey(organisation=UUID(bytes=packed[:16]), key_id=UUID(bytes=packed[16:32]), secret=packed[32:])
    if key.text != text:  # base64 has several spellings of one value; only one of them is the key
        raise Unauthenticated
    return key
