"""Who broke the glass, about whom and why: to be looked through by those who have to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.audit.log import Access, log
from app.audit.opened import look_up_clients, opened_subject
from app.audit.store import FIRST, read_broken
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlass:
    """One answer that was opened by break-glass; without a reason the client was erased since."""

    recorded_at: datetime
    application_id: UUID
    acting: str
    client_id: UUID
    operation: str
    outcome: str
    reason: str | None


async def broken_glass(
    runtime: Runtime, *, organisation: UUID, acting: str, since: datetime | None = None
) -> AsyncIterator[BrokenGlass]:
    """Yield each, the oldest first. Persons and reasons are opened, so that this is an entry itself, written first."""
    access = Access(
        kind="audit.exported", application_id=None, operation="audit_break_glass", outcome="opened", acting=acting
    )
    await log(runtime, access, organisation=organisation)
    after = FIRST

    def work(connection: Connection) -> list[tuple[UUID, BrokenGlass]]:
        rows = read_broken(connection, organisation=organisation, after=after, since=since)
        vault = runtime.vault.of(connection, organisation=organisation)
        look_up_clients(rows, vault)
        return [(row.event_id, _broken(row, opened_subject(row, vault))) for row in rows]

    while found := await runtime.database.read(work, organisation=organisation):
        for _, one in found:
            yield one
        after = found[-1][0]


def _broken(row: AnyRow, subject: dict[str, Any]) -> BrokenGlass:
    return BrokenGlass(
        recorded_at=row.recorded_at,
        application_id=row.application_id,
        acting=subject["acting"],
        client_id=UUID(subject["client_id"]),
        operation=subject["operation"],
        outcome=subject["outcome"],
        reason=subject["access_reason"],
    )
