"""The sealer: it numbers the events of an organisation after they are committed.

A number given within a transaction would not do: of two transactions the one with the smaller number may commit later,
and a reader who has gone past it would never see it. Sealing, one at a time for each organisation, numbers what is
committed and has no number yet, behind everything that has one. Whatever commits later is numbered later.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, update

from app.storage.tables import events, organisations

#: How many events are numbered in one transaction.
PORTION: Final = 1000

#: Not FOR UPDATE: whoever writes an event has a key lock on the organisation's row, and must not wait for a sealer.
_LOCK = (
    select(organisations.c.organisation_id)
    .where(organisations.c.organisation_id == bindparam("organisation"))
    .with_for_update(key_share=True)
)
_UNSEALED = (
    select(events.c.event_id)
    .where(events.c.organisation_id == bindparam("organisation"), events.c.sequence.is_(None))
    .limit(1)
)
_LAST = select(func.max(events.c.sequence)).where(events.c.organisation_id == bindparam("organisation"))
_NEXT = (
    select(events.c.event_id)
    .where(events.c.organisation_id == bindparam("organisation"), events.c.sequence.is_(None))
    .order_by(events.c.event_id)
    .limit(bindparam("portion"))
)
_SEAL = (
    update(events)
    .where(events.c.organisation_id == bindparam("of_organisation"), events.c.event_id == bindparam("of_event"))
    .values(sequence=bindparam("number"))
)


def is_all_sealed(connection: Connection, *, organisation: UUID) -> bool:
    """Say whether every event that is committed has its number."""
    return connection.execute(_UNSEALED, {"organisation": organisation}).first() is None


def last_sequence(connection: Connection, *, organisation: UUID) -> int:
    """Return the number of the event that was sealed last; 0 before the first."""
    return connection.execute(_LAST, {"organisation": organisation}).scalar() or 0


def seal(connection: Connection, *, organisation: UUID) -> int:
    """Give a portion of the events without a number theirs, in the order of their ids; return how many they were.

    The lock is taken by a statement of its own: what is read after it was committed by the sealer before.
    """
    connection.execute(_LOCK, {"organisation": organisation})
    last = last_sequence(connection, organisation=organisation)
    found = connection.execute(_NEXT, {"organisation": organisation, "portion": PORTION}).scalars().all()
    if found:
        rows = [
            {"of_organisation": organisation, "of_event": event_id, "number": last + place}
            for place, event_id in enumerate(found, start=1)
        ]
        connection.execute(_SEAL, rows)
    return len(found)
