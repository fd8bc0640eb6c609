"""Cursors of lists: where the next page begins, signed, so that nobody else makes one and none is used elsewhere.

Places in the feed of changes are sealed, too: they are numbers of the whole log, and whoever saw two of them could
count what lies between and is never told. To who reads everything a place is always spelled alike, so that what moves
nothing shows nothing; to others each time anew, so that they don't see whether something moved that they are not told.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from secrets import token_bytes
from typing import TypeVar
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.errors import InvalidParameter
from app.storage.keyring import KeyRing

T = TypeVar("T")

#: Of the signature 16 bytes are kept: a cursor opens nothing by itself, what is read is bound to the caller again.
_SIGNED = 16
#: A cursor of ours is far shorter.
LONGEST = 400
#: Where a feed begins; a place in it has so many letters.
BEGINNING = "0"
PLACE = 44
_NUMBER, _NOISE = 8, 9


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


def spell_place(keys: KeyRing, number: int, *, anew: bool, organisation: UUID) -> str:
    """Write a number of the organisation's log as a place in its feed; `anew`: differently each time."""
    if number == 0 and not anew:
        return BEGINNING
    packed = number.to_bytes(_NUMBER, "big") + (token_bytes(_NOISE) if anew else bytes(_NOISE))
    sealed = AESSIV(keys.feed(organisation=organisation)).encrypt(packed, [b"feed"])
    return urlsafe_b64encode(sealed).decode()


def read_place(keys: KeyRing, place: str, *, organisation: UUID) -> int:
    """Read the number back, or raise InvalidParameter: also when another organisation's feed has given the place."""
    if place == BEGINNING:
        return 0
    try:
        sealed = urlsafe_b64decode(place.encode("ascii"))
        opened = AESSIV(keys.feed(organisation=organisation)).decrypt(sealed, [b"feed"])
    except (InvalidTag, ValueError):
        raise InvalidParameter(parameter="after") from None
    return int.from_bytes(opened[:_NUMBER], "big")
