"""Cursors of lists: where the next page begins, signed, so that nobody else makes one and none is used elsewhere."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from app.errors import InvalidParameter
from app.storage.keyring import KeyRing

T = TypeVar("T")

#: Of the signature 16 bytes are kept: a cursor opens nothing by itself, what is read is bound to the caller again.
_SIGNED = 16
#: A cursor of ours is far shorter.
LONGEST = 400


def make_cursor(keys: KeyRing, place: object, *, question: Sequence[str], organisation: UUID) -> str:
    """Write a place in a list as a cursor; `question` is the list and what was asked of it."""
    packed = msgspec.json.encode(place)
    return urlsafe_b64encode(_sign(keys, packed, question, organisation=organisation) + packed).rstrip(b"=").decode()


def read_cursor(keys: KeyRing, cursor: str, kind: type[T], *, question: Sequence[str], organisation: UUID) -> T:
    """Read the place back, or raise InvalidParameter: also when another organisation or another question made it."""
    try:
        whole = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (NotBase64, ValueError):
        raise InvalidParameter(parameter="cursor") from None
    signature, packed = whole[:_SIGNED], whole[_SIGNED:]
    if not hmac.compare_digest(signature, _sign(keys, packed, question, organisation=organisation)):
        raise InvalidParameter(parameter="cursor")
    try:
        return msgspec.json.decode(packed, type=kind)
    except msgspec.MsgspecError:  # signed by a version whose places looked otherwise
        raise InvalidParameter(parameter="cursor") from None


def _sign(keys: KeyRing, packed: bytes, question: Sequence[str], *, organisation: UUID) -> bytes:
    text = msgspec.json.encode([*question, packed.hex()]).decode()
    return keys.content("cursor", text, organisation=organisation)[:_SIGNED]
