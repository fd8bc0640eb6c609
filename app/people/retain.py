"""Erase the clients whose time is over, as the organisation has settled it."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, bindparam, exists, func, select

from app.access.organisation import settings_of
from app.errors import LegalHold, NotFound
from app.people.erasure import Order, carry_out
from app.storage.people_tables import legal_holds
from app.storage.runtime import Runtime
from app.storage.tables import clients, submissions
from app.storage.types import UtcDateTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What a run did, or would do: whom it erased, and who is over time and held."""

    before: datetime | None  # None: the organisation has settled no time
    erased: tuple[UUID, ...]
    held: tuple[UUID, ...]


async def retain(runtime: Runtime, *, organisation: UUID, dry_run: bool) -> Retained:
    """Erase the clients of whom no form was completed within the organisation's time; a legal hold keeps them.

    What counts is the last form of anybody about the client, one that was withdrawn or corrected too; of a client
    without any, when they were made known. Without a time nothing is erased.
    """
    before, found = await runtime.database.read(
        partial(_find, now=runtime.now(), organisation=organisation), organisation=organisation
    )
    erased: list[UUID] = []
    held: list[UUID] = []
    for client_id, is_held in found:
        if is_held:
            held.append(client_id)
        elif dry_run or await _erase(runtime, client_id, organisation=organisation, before=before):
            erased.append(client_id)
    if erased and not dry_run:
        await runtime.database.wipe()
    return Retained(before=before, erased=tuple(erased), held=tuple(held))


async def _erase(runtime: Runtime, client_id: UUID, *, organisation: UUID, before: datetime | None) -> bool:
    """Erase one client; False when a form came in, a hold was placed, or somebody else erased them meanwhile."""
    order = Order(organisation=organisation, client_id=client_id, reason="retention", before=before)
    try:
        await runtime.database.write(partial(carry_out, runtime=runtime, order=order), organisation=organisation)
    except (LegalHold, NotFound):
        return False
    return True


def _find(
    connection: Connection, *, now: datetime, organisation: UUID
) -> tuple[datetime | None, list[tuple[UUID, bool]]]:
    """Find the clients who are over time, and whether a hold stands on each."""
    months = settings_of(connection, organisation=organisation).retention_months
    if months is None:
        return None, []
    before = months_before(now, months)
    rows = connection.execute(_OVER, {"organisation": organisation, "before": before})
    return before, [(row.client_id, bool(row.is_held)) for row in rows]


def months_before(moment: datetime, months: int) -> datetime:
    """Go back whole months by the calendar; of a day that a month lacks, to its last one."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


_LAST = (
    select(submissions.c.client_id, func.max(submissions.c.completed_at).label("completed_at"))
    .where(submissions.c.organisation_id == bindparam("organisation"))
    .group_by(submissions.c.client_id)
    .subquery("last")
)
_IS_HELD = exists().where(
    legal_holds.c.organisation_id == clients.c.organisation_id,
    legal_holds.c.client_id == clients.c.client_id,
    legal_holds.c.lifted_at.is_(None),
)
_OVER = (
    select(clients.c.client_id, _IS_HELD.label("is_held"))
    .join(_LAST, _LAST.c.client_id == clients.c.client_id, isouter=True)
    .where(
        clients.c.organisation_id == bindparam("organisation"),
        func.coalesce(_LAST.c.completed_at, clients.c.created_at) < bindparam("before", type_=UtcDateTime),
    )
    .order_by(clients.c.client_id)
)
