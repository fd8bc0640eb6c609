"""Open everything that is sealed, and count what does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from app.errors import SealBroken
from app.keys.store import PORTION, read_sealed
from app.storage.runtime import Runtime
from app.storage.sealed_columns import SEALED, SealedColumn


@dataclass(slots=True, kw_only=True)
class Checked:
    """How many sealed values were opened, and which rows hold one that does not open."""

    opened: int = 0
    broken: list[str] = field(default_factory=list)  # table, column and row id


async def check(runtime: Runtime, *, organisation: UUID) -> Checked:
    """Open every sealed value of an organisation, a portion at a time."""
    found = Checked()
    for where in SEALED:
        after: UUID | None = None
        while True:
            work = partial(_portion, runtime, where, found, organisation=organisation, after=after)
            read, after = await runtime.database.read(work, organisation=organisation)
            if read < PORTION:
                break
    return found


def _portion(
    runtime: Runtime,
    where: SealedColumn,
    found: Checked,
    connection: Connection,
    *,
    organisation: UUID,
    after: UUID | None,
) -> tuple[int, UUID | None]:
    rows = read_sealed(connection, where, organisation=organisation, after=after)
    vault = runtime.vault.of(connection, organisation=organisation)
    for row in rows:
        place = where.place(row)
        try:
            where.opened(row, vault)
            found.opened += 1
        except SealBroken:
            found.broken.append(f"{place.table}.{place.column} {place.row}")
    return len(rows), where.place(rows[-1]).row if rows else None
