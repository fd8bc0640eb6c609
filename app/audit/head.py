"""Where an organisation's log ends, to be kept off the machine."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.audit.seal_all import seal_all
from app.audit.store import read_entry
from app.storage.runtime import Runtime
from app.storage.seal import last_sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last entry: its number and its link; without any link there is nothing to keep."""

    sequence: int
    chain: bytes | None


async def head(runtime: Runtime, *, organisation: UUID) -> Head:
    """Seal what is not sealed yet, and return where the log ends."""
    await seal_all(runtime, organisation=organisation)
    last = await runtime.database.read(
        lambda c: read_entry(c, last_sequence(c, organisation=organisation), organisation=organisation),
        organisation=organisation,
    )
    return Head(sequence=last.sequence if last is not None else 0, chain=last.chain if last is not None else None)
