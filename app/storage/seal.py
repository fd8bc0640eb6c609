"""The sealer: it numbers the events of an organisation after they are committed, and links them to a chain.

A number given within a transaction would not do: of two transactions the one with the smaller number may commit later,
and a reader who has gone past it would never see it. Sealing, one at a time for each organisation, numbers what is
committed and has no number yet, behind everything that has one. Whatever commits later is numbered later.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.chain import BROKEN, START, end, link
from app.storage.people_tables import chain_heads
from app.storage.runtime import Runtime
from app.storage.tables import events, organisations
from app.storage.types import AnyRow

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
_LAST_LINK = (
    select(events.c.sequence, events.c.chain)
    .where(events.c.organisation_id == bindparam("organisation"), events.c.sequence.is_not(None))
    .order_by(events.c.sequence.desc())
    .limit(1)
)
_HEAD = select(chain_heads).where(chain_heads.c.organisation_id == bindparam("organisation"))
_NEXT = (
    select(events.c.event_id, events.c.kind, events.c.application_id, events.c.subject, events.c.recorded_at)
    .where(events.c.organisation_id == bindparam("organisation"), events.c.sequence.is_(None))
    .order_by(events.c.event_id)
    .limit(bindparam("portion"))
)
_SEAL = (
    update(events)
    .where(events.c.organisation_id == bindparam("of_organisation"), events.c.event_id == bindparam("of_event"))
    .values(sequence=bindparam("number"), chain=bindparam("link"))
)


def _move_head(dialect: Any) -> Any:
    """Say where the log ends now."""
    made = dialect.insert(chain_heads)
    now = {name: made.excluded[name] for name in ("sequence", "chain", "sealed_at")}
    return made.on_conflict_do_update(index_elements=["organisation_id"], set_=now)


def _make_head(dialect: Any) -> Any:
    """Say where the log begins, once."""
    return dialect.insert(chain_heads).on_conflict_do_nothing(index_elements=["organisation_id"])


_MAKE_HEAD = {"postgresql": _make_head(postgresql), "sqlite": _make_head(sqlite)}
_MOVE_HEAD = {"postgresql": _move_head(postgresql), "sqlite": _move_head(sqlite)}


def is_all_sealed(connection: Connection, *, organisation: UUID) -> bool:
    """Say whether every event that is committed has its number."""
    return connection.execute(_UNSEALED, {"organisation": organisation}).first() is None


def last_sequence(connection: Connection, *, organisation: UUID) -> int:
    """Return the number of the event that was sealed last; 0 before the first."""
    return connection.execute(_LAST, {"organisation": organisation}).scalar() or 0


def begin(connection: Connection, runtime: Runtime, *, organisation: UUID) -> None:
    """Make the end of a log that has none: of a new organisation, or of one from before there were links.

    Nobody else ever makes one. Were the first seal to do it, whoever takes all links and the end away would have the
    sealer link anew what they made of the entries.
    """
    sequence = last_sequence(connection, organisation=organisation)
    head = {
        "organisation_id": organisation,
        "sequence": sequence,
        "chain": end(runtime.keys, START, sequence=sequence, organisation=organisation),
        "sealed_at": runtime.now(),
    }
    connection.execute(_MAKE_HEAD[connection.dialect.name], head)


def seal(connection: Connection, runtime: Runtime, *, organisation: UUID) -> int:
    """Give a portion of the events without a number theirs, in the order of their ids; return how many they were.

    The lock is taken by a statement of its own: what is read after it was committed by the sealer before.
    """
    connection.execute(_LOCK, {"organisation": organisation})
    found = connection.execute(_NEXT, {"organisation": organisation, "portion": PORTION}).all()
    if not found:
        return 0
    before, last = _where_it_ends(connection, runtime, organisation=organisation)
    rows = []
    for sequence, row in enumerate(found, start=last + 1):
        before = link(runtime.keys, before, row, sequence=sequence, organisation=organisation)
        rows.append({"of_organisation": organisation, "of_event": row.event_id, "number": sequence, "link": before})
    connection.execute(_SEAL, rows)
    head = {
        "organisation_id": organisation,
        "sequence": last + len(found),
        "chain": end(runtime.keys, before, sequence=last + len(found), organisation=organisation),
        "sealed_at": runtime.now(),
    }
    connection.execute(_MOVE_HEAD[connection.dialect.name], head)
    return len(found)


def _where_it_ends(connection: Connection, runtime: Runtime, *, organisation: UUID) -> tuple[bytes, int]:
    """Return the link to go on from and its number.

    Where the log does not end as it was left, it goes on all the same, with a gap or a link that will never verify: a
    log that was cut must not look whole again once it has grown.
    """
    sent = {"organisation": organisation}
    last, head = connection.execute(_LAST_LINK, sent).first(), connection.execute(_HEAD, sent).first()
    sequence = max(last.sequence if last is not None else 0, head.sequence if head is not None else 0)
    if is_as_left(runtime, last, head, organisation=organisation):
        return (START if last is None or last.chain is None else last.chain), sequence
    return BROKEN, sequence


def is_as_left(runtime: Runtime, last: AnyRow | None, head: AnyRow | None, *, organisation: UUID) -> bool:
    """Say whether the last entry is the one that was sealed last; entries of before there were links end in none."""
    sequence, chain = (0, None) if last is None else (last.sequence, last.chain)
    if head is None or head.sequence != sequence:
        return False
    return bool(head.chain == end(runtime.keys, chain or START, sequence=sequence, organisation=organisation))
