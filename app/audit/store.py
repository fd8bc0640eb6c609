"""The log in SQL, as it is read to be proven and exported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from app.errors import ErasedMeanwhile
from app.storage.people_tables import chain_heads
from app.storage.tables import clients, events
from app.storage.types import AnyRow

#: How many entries are read at once.
PORTION: Final = 2000

_PORTION = (
    select(events)
    .where(events.c.organisation_id == bindparam("organisation"), events.c.sequence > bindparam("after"))
    .order_by(events.c.sequence)
    .limit(PORTION)
)


def read_portion(connection: Connection, *, organisation: UUID, after: int) -> list[AnyRow]:
    """Read the entries behind a number, in their order."""
    return list(connection.execute(_PORTION, {"organisation": organisation, "after": after}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far the log goes: by its entries, by its head, and how many entries have no number yet."""

    last: int
    head: AnyRow | None
    unsealed: int


_LAST = (
    select(func.max(events.c.sequence)).where(events.c.organisation_id == bindparam("organisation")).scalar_subquery()
)
_UNSEALED = (
    select(func.count())
    .select_from(events)
    .where(events.c.organisation_id == bindparam("organisation"), events.c.sequence.is_(None))
    .scalar_subquery()
)
_HEAD = (
    select(chain_heads.c.sequence, chain_heads.c.chain, chain_heads.c.sealed_at)
    .where(chain_heads.c.organisation_id == bindparam("organisation"))
    .subquery()
)
#: One statement, so that no sealer comes in between.
_EXTENT = select(_LAST.label("last"), _UNSEALED.label("unsealed"), _HEAD).select_from(
    select(func.count().label("one")).subquery().outerjoin(_HEAD, _HEAD.c.sequence.is_not(None))
)


def read_extent(connection: Connection, *, organisation: UUID) -> Extent:
    """Read how far the log goes."""
    row = connection.execute(_EXTENT, {"organisation": organisation}).one()
    return Extent(last=row.last or 0, head=row if row.sequence is not None else None, unsealed=row.unsealed)


_ONE = select(events).where(
    events.c.organisation_id == bindparam("organisation"), events.c.sequence == bindparam("sequence")
)


def read_entry(connection: Connection, sequence: int, *, organisation: UUID) -> AnyRow | None:
    """Read one entry by its number."""
    return connection.execute(_ONE, {"organisation": organisation, "sequence": sequence}).first()


#: Not FOR UPDATE: what is written about the client at the same time need not wait, an erasure has to.
_KEEP = (
    select(clients.c.client_id)
    .where(clients.c.organisation_id == bindparam("organisation"), clients.c.client_id == bindparam("client_id"))
    .with_for_update(read=True, key_share=True)
)


def keep_client(connection: Connection, client_id: UUID, *, organisation: UUID) -> None:
    """Keep a client from being erased until the transaction ends, or raise ErasedMeanwhile."""
    if connection.execute(_KEEP, {"organisation": organisation, "client_id": client_id}).first() is None:
        raise ErasedMeanwhile


#: Before the id of every entry.
FIRST: Final = UUID(int=0)
_BROKEN = (
    select(events)
    .where(
        events.c.organisation_id == bindparam("organisation"),
        events.c.event_id > bindparam("after"),
        events.c.kind == "access.break_glass",
    )
    .order_by(events.c.event_id)
    .limit(PORTION)
)
_BROKEN_SINCE = _BROKEN.where(events.c.recorded_at >= bindparam("since"))


def read_broken(
    connection: Connection, *, organisation: UUID, after: UUID, since: datetime | None = None
) -> list[AnyRow]:
    """Read the next entries of break-glass behind an id, those since a moment; entries are not numbered at once."""
    sent = {"organisation": organisation, "after": after}
    if since is None:
        return list(connection.execute(_BROKEN, sent))
    return list(connection.execute(_BROKEN_SINCE, sent | {"since": since}))
