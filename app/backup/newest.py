"""The one file of keys: written beside its place, and given its name only if it knows all that the one before knew.

There is no older copy to go back to. What an empty or half restored database knows must not take the place of what
opens every backup and tells who was erased.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from app.backup.bundle import Ending, check_bundle, lines, write_bundle
from app.backup.files import held
from app.errors import Misconfigured
from app.storage.key_tables import client_keys, organisation_keys
from app.storage.people_tables import erasures
from app.storage.runtime import Runtime

#: What an older file may know that a newer one lacks, by what it is, of one and of more.
_LACKS: Final = {
    "organisations": ("organisation", "organisations"),
    organisation_keys.name: ("key of an organisation", "keys of organisations"),
    client_keys.name: ("key of a client", "keys of clients"),
    erasures.name: ("erased client", "erased clients"),
}


@asynccontextmanager
async def drafted(
    runtime: Runtime, keys: Path, *, organisations: Sequence[UUID], migration: str, replace: bool = False
) -> AsyncIterator[tuple[Path, Ending]]:
    """Write the newest keys beside those of before, for the caller to put in their place; else they are removed.

    With `replace` it is not asked what would be lost.
    """
    draft = keys.with_name(f".{keys.name}.draft")
    with held(keys.with_name(f".{keys.name}.lock")):  # a backup and a command after an erasure may meet
        try:
            ending = await write_bundle(runtime, draft, organisations=organisations, migration=migration)
            if not replace:
                await asyncio.to_thread(_refuse_a_loss, runtime, keys, draft, organisations=set(organisations))
            yield draft, ending
        finally:
            draft.unlink(missing_ok=True)


def _refuse_a_loss(runtime: Runtime, keys: Path, draft: Path, *, organisations: Collection[UUID]) -> None:
    if not keys.exists():
        return
    try:
        check_bundle(keys, keys=runtime.keys)
    except Misconfigured as error:
        raise Misconfigured(
            f"{error}, and would be lost: nothing was written. Move it away, or add --replace-keys to lose it"
        ) from None
    lost = lost_with(keys, draft, organisations=organisations)
    if lost:
        told = ", ".join(f"{len(ids)} {_LACKS[what][len(ids) > 1]}" for what, ids in lost.items())
        raise Misconfigured(
            f"{keys} knows what this database lacks: {told}. Nothing was written, for without these keys no older "
            "backup opens, and who was erased would come back. Restore with them first (`alliance backup restore`, on "
            "PostgreSQL `alliance backup finish`), or add --replace-keys to lose them for good"
        )


@dataclass(slots=True, kw_only=True)
class _Known:
    """The ids of keys, and who was erased, of all organisations."""

    keys: set[UUID] = field(default_factory=set)
    erased: set[tuple[UUID, UUID]] = field(default_factory=set)


def lost_with(before: Path, after: Path, *, organisations: Collection[UUID]) -> dict[str, set[UUID]]:
    """Return the ids that one bundle knows and one that would take its place lacks, by what they are.

    A client's keys go by an erasure, which leaves a tombstone; a rotation retires keys and lets none go, and nothing
    lets an organisation or a tombstone go.
    """
    known = _Known()
    for organisation, table, row in lines(after):
        if table == erasures.name:
            known.erased.add((organisation, UUID(row["client_id"])))
        else:
            known.keys.add(UUID(row["key_id"]))
    lost: dict[str, set[UUID]] = {}
    for organisation, table, row in lines(before):
        if organisation not in organisations:
            lost.setdefault("organisations", set()).add(organisation)
        if table == organisation_keys.name:
            is_there = UUID(row["key_id"]) in known.keys
        else:
            is_there = (organisation, UUID(row["client_id"])) in known.erased
            is_there = is_there or (table == client_keys.name and UUID(row["key_id"]) in known.keys)
        if not is_there:
            lost.setdefault(table, set()).add(UUID(row["client_id" if table == erasures.name else "key_id"]))
    return lost
