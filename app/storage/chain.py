"""The hash chain of an organisation's log: each entry's link is made of the entry and of the link before it.

The key is in a file, never in the database: who can write to the tables can't make a link. Where the log ends is kept
as a digest of its own, so that an older end can't be read off the entries and put in its place.
"""

from __future__ import annotations

from datetime import UTC
from typing import Final
from uuid import UUID

import msgspec

from app.storage.keyring import KeyRing
from app.storage.types import AnyRow

#: Before the first entry with a link.
START: Final = bytes(32)
#: Before an entry that follows on an end that was not found as it was left: its link verifies against nothing.
BROKEN: Final = b"\xff" * 32

_encode = msgspec.json.Encoder(order="sorted").encode


def spelled(row: AnyRow, sequence: int) -> bytes:
    """Spell an entry, every field of it, the same way on both databases."""
    application = None if row.application_id is None else row.application_id.hex
    at = row.recorded_at.astimezone(UTC).isoformat(timespec="microseconds")
    return _encode([row.event_id.hex, row.kind, application, row.subject, at, sequence])


def link(keys: KeyRing, before: bytes, row: AnyRow, *, sequence: int, organisation: UUID) -> bytes:
    """Make the link of an entry that has this number."""
    return keys.chain("link", before, spelled(row, sequence), organisation=organisation)


def end(keys: KeyRing, last: bytes, *, sequence: int, organisation: UUID) -> bytes:
    """Digest where the log ends: the last link and its number."""
    return keys.chain("head", last, str(sequence).encode(), organisation=organisation)
