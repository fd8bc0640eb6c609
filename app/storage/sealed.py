"""Seal a text for one place of the database: AES-256-GCM, bound to its organisation, table, column and row.

A sealed value is a version, the id of its key, a nonce, and the ciphertext with its tag. Moved to another row, column
or organisation it does not open. A wrapped key has a version of its own, and is bound to whose key it is, too: its row
is named by itself, so that one of another client would open all the same. Keys that were wrapped before were not bound
so; they still open, and whatever wraps them anew binds them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import SealBroken

_VERSION = b"\x01"
_WRAPPED = b"\x02"
_NONCE = 12
_HEAD = len(_VERSION) + 16
KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sealed value is kept: its table, its column, and what identifies the row within the organisation.

    A wrapped key also has whose it is, which no text has.
    """

    table: str
    column: str
    row: UUID
    whose: str = ""

    def bound(self, *, organisation: UUID) -> bytes:
        """Spell the place as what the seal is bound to."""
        parts = (organisation, self.table, self.column, self.row, *([self.whose] if self.whose else []))
        return "|".join(str(part) for part in parts).encode()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DataKey:
    """A key in the clear, in memory only, with its id."""

    key_id: UUID
    secret: bytes

    def seal(self, content: bytes, place: Place, *, organisation: UUID) -> bytes:
        """Seal content for a place."""
        return self._seal(_VERSION, content, place, organisation=organisation)

    def open(self, sealed: bytes, place: Place, *, organisation: UUID) -> bytes:
        """Open what was sealed with this key for this place; raises SealBroken for anything else."""
        return self._open(_VERSION, sealed, place, organisation=organisation)

    def wrap(self, key: DataKey, place: Place, *, organisation: UUID) -> bytes:
        """Wrap another key for its place, which says whose it is."""
        return self._seal(_WRAPPED, key.secret, place, organisation=organisation)

    def unwrap(self, key_id: UUID, wrapped: bytes, place: Place, *, organisation: UUID) -> DataKey:
        """Unwrap a key that this one wrapped for this place; raises SealBroken for anything else."""
        if is_wrapped_for_nobody(wrapped):
            secret = self._open(_VERSION, wrapped, replace(place, whose=""), organisation=organisation)
        else:
            secret = self._open(_WRAPPED, wrapped, place, organisation=organisation)
        return DataKey(key_id=key_id, secret=secret)

    def _seal(self, version: bytes, content: bytes, place: Place, *, organisation: UUID) -> bytes:
        head = version + self.key_id.bytes
        nonce = secrets.token_bytes(_NONCE)
        return head + nonce + AESGCM(self.secret).encrypt(nonce, content, head + place.bound(organisation=organisation))

    def _open(self, version: bytes, sealed: bytes, place: Place, *, organisation: UUID) -> bytes:
        head, nonce, content = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        if head != version + self.key_id.bytes:
            raise SealBroken
        try:
            return AESGCM(self.secret).decrypt(nonce, content, head + place.bound(organisation=organisation))
        except (InvalidTag, ValueError):  # ValueError: what is left is too short for a nonce
            raise SealBroken from None


def new_data_key(key_id: UUID) -> DataKey:
    """Make a fresh key."""
    return DataKey(key_id=key_id, secret=secrets.token_bytes(KEY_BYTES))


def is_wrapped_for_nobody(wrapped: bytes) -> bool:
    """Say whether a key was wrapped before that bound it to whose it is."""
    return wrapped.startswith(_VERSION)


def sealed_with(sealed: bytes) -> UUID:
    """Read the id of the key that a value was sealed with."""
    if len(sealed) <= _HEAD + _NONCE or not sealed.startswith(_VERSION):
        raise SealBroken
    return UUID(bytes=sealed[len(_VERSION) : _HEAD])
