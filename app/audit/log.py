"""Write down that somebody looked at a client's data, or was refused: before they are told anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from app.audit.store import keep_client
from app.errors import AllianceError, StorageBusy, StorageUnavailable
from app.storage.events import Event, append_events, sealed_for_client, sealed_in_subject
from app.storage.runtime import Runtime
from app.storage.vault import OrganisationVault

AccessKind = Literal["access.read", "access.denied", "access.break_glass", "audit.exported"]

#: So many entries share a transaction at most.
TOGETHER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One access: what was asked, how it ended, whom the answer is about, by whom and why. Ids only.

    `acting` is sealed with the organisation's key before it is written, `reason` with that of the one client.
    """

    kind: AccessKind
    application_id: UUID | None
    operation: str
    outcome: str
    client_ids: tuple[UUID, ...] = ()
    asked: tuple[tuple[str, UUID | str], ...] = ()
    acting: str | None = None
    reason: str | None = None


async def log(runtime: Runtime, access: Access, *, organisation: UUID) -> None:
    """Write an entry; entries that wait for the database share the next transaction.

    Whatever keeps it from being written is told as the database's fault: then nobody is told anything else.
    """
    write = partial(_write, runtime, organisation=organisation)
    try:
        await runtime.lanes.run("audit", access, write, organisation=organisation, most=TOGETHER)
    except (StorageBusy, StorageUnavailable):
        raise
    except AllianceError as error:
        raise StorageBusy from error


async def _write(runtime: Runtime, accesses: Sequence[Access], *, organisation: UUID) -> list[None]:
    def work(connection: Connection) -> None:
        vault = runtime.vault.of(connection, organisation=organisation)
        append_events(connection, [_event(runtime, one, vault) for one in accesses], organisation=organisation)

    await runtime.database.write(work, organisation=organisation)
    return [None] * len(accesses)


def _event(runtime: Runtime, access: Access, vault: OrganisationVault) -> Event:
    event_id = runtime.new_id()
    subject = {"operation": access.operation, "outcome": access.outcome}
    if len(access.client_ids) == 1:
        subject["client_id"] = str(access.client_ids[0])
    elif access.client_ids:
        subject["client_ids"] = ",".join(map(str, access.client_ids))
    subject |= {name: str(asked) for name, asked in access.asked}
    subject |= sealed_in_subject(vault, event_id, acting=access.acting)
    if access.reason is not None:
        subject |= _sealed_reason(access.reason, access.client_ids, event_id, vault)
    return Event(
        event_id=event_id,
        kind=access.kind,
        application_id=access.application_id,
        subject=subject,
        recorded_at=runtime.now(),
    )


def _sealed_reason(
    reason: str, client_ids: tuple[UUID, ...], event_id: UUID, vault: OrganisationVault
) -> dict[str, str]:
    """Seal why somebody looked; a client who is erased meanwhile gets no new key by it."""
    (client_id,) = client_ids
    keep_client(vault.connection, client_id, organisation=vault.organisation)
    return sealed_for_client(vault, event_id, client_id, access_reason=reason)
