"""All rows of an organisation at a moment, to be compared with another moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Connection, select

from app.storage.tables import events, metadata
from tests.harness import Clinic

Picture = Mapping[str, Counter[str]]
#: Who looked at what is written down even when a write is refused, and the sealer numbers events when it likes.
_NUMBERED = {"sequence", "chain"}


def picture(clinic: Clinic) -> Picture:
    """Read every row of the clinic's organisation but what tells who looked."""
    return clinic.service.read(lambda connection: rows(connection, clinic.organisation))


def rows(connection: Connection, organisation: UUID) -> Picture:
    """Read every row of an organisation but what tells who looked."""
    found: dict[str, Counter[str]] = {}
    for name, table in metadata.tables.items():
        columns = [column for column in table.c if not (table is events and column.name in _NUMBERED)]
        query = select(*columns).where(table.c.organisation_id == organisation)
        if table is events:
            query = query.where(events.c.kind.not_like("access.%"))
        found[name] = Counter(map(repr, connection.execute(query)))
    return found


def grown(before: Picture, after: Picture) -> dict[str, int]:
    """Say by how many rows each table has grown, of those that have."""
    by = {name: after[name].total() - before[name].total() for name in after}
    return {name: number for name, number in by.items() if number}


def changed(before: Picture, after: Picture) -> list[str]:
    """Name the tables that differ."""
    return [name for name in after if before[name] != after[name]]
