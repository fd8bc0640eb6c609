"""How long safety checks are kept: for the organisation's own time, whatever else of the client is erased."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from app.errors import SealBroken
from app.safeguarding.check import content_text, place_of
from app.safeguarding.log import log_step
from app.safeguarding.people import ids_of, stranger, therapist_digests
from app.safeguarding.readers import opened
from app.safeguarding.store import change_check, checks_of, delete_check, find_settings, received_before
from app.storage.people_tables import legal_holds
from app.storage.runtime import Runtime
from app.storage.tables import clients

_HELD = (
    select(clients.c.client_id, clients.c.reference)
    .join(
        legal_holds,
        (legal_holds.c.organisation_id == clients.c.organisation_id) & (legal_holds.c.client_id == clients.c.client_id),
    )
    .where(
        clients.c.organisation_id == bindparam("organisation"),
        legal_holds.c.organisation_id == bindparam("organisation"),
        legal_holds.c.lifted_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What became of the checks whose time is over: those that nobody has closed and those under a hold stay."""

    deleted: int
    not_closed: int
    held: int


async def retain(runtime: Runtime, *, organisation: UUID) -> Retained:
    """Delete the closed checks that came in before the retention time began."""

    def work(connection: Connection) -> Retained:
        settings, now = find_settings(connection, organisation=organisation), runtime.now()
        if settings is None:
            return Retained(deleted=0, not_closed=0, held=0)
        months = settings.retention_months
        held = _held(connection, organisation=organisation)
        over = received_before(connection, organisation=organisation, before=months_before(now, months))
        closed = [row for row in over if row.state == "closed"]
        gone = [row.check_id for row in closed if row.client_id not in held]
        for check_id in gone:
            delete_check(connection, check_id, organisation=organisation)
            log_step(connection, runtime, "safety_check.deleted", organisation=organisation, at=now, check_id=check_id)
        return Retained(deleted=len(gone), not_closed=len(over) - len(closed), held=len(closed) - len(gone))

    return await runtime.database.write(work, organisation=organisation)


def _held(connection: Connection, *, organisation: UUID) -> set[UUID]:
    """Name those under a hold, also as checks do that came in before any form had named them."""
    rows = connection.execute(_HELD, {"organisation": organisation}).all()
    return {client_id for row in rows for client_id in (row.client_id, stranger(row.reference))}


def kept_for(connection: Connection, client_id: UUID, *, organisation: UUID) -> int:
    """Say how many checks of a client stay when all else is erased. For the operator's ears only, on no answer."""
    ids = ids_of(connection, client_id, organisation=organisation)
    return len(checks_of(connection, ids, organisation=organisation))


def keep_apart(connection: Connection, runtime: Runtime, client_id: UUID, *, organisation: UUID) -> None:
    """Write down in a client's checks from whom they are kept, before an erasure takes the episodes away.

    One that does not open stays as it is, and stops no erasure. No line tells of it: it would tell whose it is.
    """
    ids = ids_of(connection, client_id, organisation=organisation)
    therapists = therapist_digests(connection, runtime, [client_id], organisation=organisation)
    vault = runtime.vault.of(connection, organisation=organisation)
    for row in checks_of(connection, ids, organisation=organisation):
        try:
            content = opened(connection, runtime, row, organisation=organisation)
        except SealBroken:
            continue
        changed = replace(content, named_since=content.named_since | (therapists - content.kept_from))
        sealed = vault.seal_safeguarding(content_text(changed), place_of(row.check_id))
        change_check(connection, row.check_id, {"sealed": sealed}, organisation=organisation)


def months_before(moment: datetime, months: int) -> datetime:
    """Go back by whole months, to the last day of a shorter one."""
    count = moment.year * 12 + moment.month - 1 - months
    year, month = divmod(count, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
