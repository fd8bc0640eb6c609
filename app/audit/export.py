"""Take an organisation's log out, for those who have to look through it; that it was taken out is an entry of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.audit.log import Access, log
from app.audit.opened import look_up_clients, opened_subject
from app.audit.seal_all import seal_all
from app.audit.store import read_portion
from app.storage.runtime import Runtime
from app.storage.seal import last_sequence
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault


async def export(
    runtime: Runtime,
    *,
    organisation: UUID,
    client_id: UUID | None = None,
    after: int = 0,
    open_acting: bool = False,
    acting: str | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Yield the entries behind a number, all of them or those about one client.

    Persons and reasons stay sealed unless they are asked for. The export's own entry is written first, and is its last.
    """
    access = Access(
        kind="audit.exported",
        application_id=None,
        operation="audit_export",
        outcome="opened" if open_acting else "sealed",
        client_ids=() if client_id is None else (client_id,),
        acting=acting,
    )
    await log(runtime, access, organisation=organisation)
    await seal_all(runtime, organisation=organisation)
    last = await runtime.database.read(lambda c: last_sequence(c, organisation=organisation), organisation=organisation)

    def work(connection: Connection) -> list[tuple[int, dict[str, Any] | None]]:
        rows = read_portion(connection, organisation=organisation, after=after)
        vault = runtime.vault.of(connection, organisation=organisation) if open_acting else None
        if vault is not None:
            look_up_clients(rows, vault)
        return [(row.sequence, _entry(row, vault) if _is_about(row, client_id) else None) for row in rows]

    while after < last:
        for sequence, entry in await runtime.database.read(work, organisation=organisation):
            after = sequence
            if entry is not None and sequence <= last:
                yield entry


def _is_about(row: AnyRow, client_id: UUID | None) -> bool:
    if client_id is None:
        return True
    subject = row.subject
    return str(client_id) in {subject.get("client_id"), *subject.get("client_ids", "").split(",")}


def _entry(row: AnyRow, vault: OrganisationVault | None) -> dict[str, Any]:
    return {
        "sequence": row.sequence,
        "event_id": str(row.event_id),
        "kind": row.kind,
        "application_id": None if row.application_id is None else str(row.application_id),
        "recorded_at": row.recorded_at.isoformat().replace("+00:00", "Z"),
        "subject": row.subject if vault is None else opened_subject(row, vault),
        "chain": None if row.chain is None else row.chain.hex(),
    }
