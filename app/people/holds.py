"""Legal holds: while one stands, nothing of the client is erased.

Why is free text about the client: it is sealed with their key, in the row and in the log, and goes with them. A version
before sealed it with the organisation's; `alliance keys rotate` seals the rows anew, and older entries of the log stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.audit.log import Access, log
from app.episodes.identify import find_client
from app.errors import KeyDestroyed, Misconfigured, NotFound
from app.people.store import insert_hold, lift_holds, list_holds, lock_client
from app.storage.events import Event, Kind, append_events, sealed_for_client, sealed_in_subject
from app.storage.runtime import Runtime
from app.storage.sealed import Place
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRef:
    """A client as an organisation's forms call them."""

    system: str | None
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold that stands or stood."""

    hold_id: UUID
    client_id: UUID
    placed_at: datetime
    lifted_at: datetime | None
    reason: str | None  # None: the client was erased a moment ago


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """Why, and who says so."""

    reason: str
    acting: str


async def hold(runtime: Runtime, *, organisation: UUID, client: ClientRef, reason: str, acting: str) -> UUID:
    """Place a hold on a client, or raise NotFound; several may stand, and each keeps everything."""
    hold_id, now, said = runtime.new_id(), runtime.now(), _Said(reason=_checked(reason), acting=acting)

    def work(connection: Connection) -> None:
        client_id = _locked(connection, runtime, client, organisation=organisation)
        vault = runtime.vault.of(connection, organisation=organisation)
        row = {
            "client_id": client_id,
            "hold_id": hold_id,
            "sealed_reason": vault.seal_for(client_id, said.reason, _place(hold_id)),
            "placed_at": now,
            "lifted_at": None,
        }
        insert_hold(connection, row, organisation=organisation)
        _log_hold(connection, runtime, "legal_hold.placed", client_id, said, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)
    return hold_id


async def release(runtime: Runtime, *, organisation: UUID, client: ClientRef, reason: str, acting: str) -> int:
    """Lift every hold that stands on a client, and return how many they were; NotFound without any."""
    now, said = runtime.now(), _Said(reason=_checked(reason), acting=acting)

    def work(connection: Connection) -> int:
        client_id = _locked(connection, runtime, client, organisation=organisation)
        lifted = lift_holds(connection, client_id, organisation=organisation, at=now)
        if not lifted:
            raise NotFound
        _log_hold(connection, runtime, "legal_hold.lifted", client_id, said, organisation=organisation, at=now)
        return lifted

    return await runtime.database.write(work, organisation=organisation)


async def all_holds(runtime: Runtime, *, organisation: UUID, acting: str) -> list[Hold]:
    """List the holds that stand or stood, with their reasons, the first one first.

    Reasons are opened, so that this is an entry of the log itself, with the person and about whom, written first.
    """
    database = runtime.database
    rows = await database.read(lambda c: list_holds(c, organisation=organisation), organisation=organisation)
    access = Access(
        kind="access.read",
        application_id=None,
        operation="people_holds",
        outcome="told",
        client_ids=tuple(dict.fromkeys(row.client_id for row in rows)),
        acting=acting,
    )
    await log(runtime, access, organisation=organisation)

    def work(connection: Connection) -> list[Hold]:
        vault = runtime.vault.of(connection, organisation=organisation)
        vault.look_up({row.client_id for row in rows})
        return [_opened(row, vault) for row in rows]

    return await database.read(work, organisation=organisation)


def _opened(row: AnyRow, vault: OrganisationVault) -> Hold:
    try:
        reason = vault.open_for_or_of(row.client_id, row.sealed_reason, _place(row.hold_id))
    except KeyDestroyed:
        reason = None
    return Hold(
        hold_id=row.hold_id,
        client_id=row.client_id,
        placed_at=row.placed_at,
        lifted_at=row.lifted_at,
        reason=reason,
    )


def client_of(connection: Connection, runtime: Runtime, client: ClientRef, *, organisation: UUID) -> UUID:
    """Return the id of a client by their reference, or raise NotFound."""
    reference = runtime.keys.reference("client", client.system or "", client.value, organisation=organisation)
    client_id = find_client(connection, reference, organisation=organisation)
    if client_id is None:
        raise NotFound
    return client_id


def _locked(connection: Connection, runtime: Runtime, client: ClientRef, *, organisation: UUID) -> UUID:
    """Find a client and keep an erasure away from them."""
    client_id = client_of(connection, runtime, client, organisation=organisation)
    if lock_client(connection, client_id, organisation=organisation) is None:
        raise NotFound
    return client_id


def _checked(reason: str) -> str:
    if not 0 < len(reason.strip()) <= 500:
        raise Misconfigured("say in up to 500 characters why")
    return reason.strip()


def _place(hold_id: UUID) -> Place:
    return Place(table="legal_holds", column="sealed_reason", row=hold_id)


def _log_hold(
    connection: Connection,
    runtime: Runtime,
    kind: Kind,
    client_id: UUID,
    said: _Said,
    *,
    organisation: UUID,
    at: datetime,
) -> None:
    event_id = runtime.new_id()
    vault = runtime.vault.of(connection, organisation=organisation)
    subject = {"client_id": str(client_id)} | sealed_in_subject(vault, event_id, acting=said.acting)
    subject |= sealed_for_client(vault, event_id, client_id, hold_reason=said.reason)
    event = Event(event_id=event_id, kind=kind, application_id=None, subject=subject, recorded_at=at)
    append_events(connection, [event], organisation=organisation)
