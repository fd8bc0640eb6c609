"""The one person whom a credential opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from app.access import store
from app.access.visibility import ActsAs
from app.storage.events import Event, Kind, append_events, sealed_in_subject
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The one person whom a key opens, as the caller names them; without a system it is of the organisation's own.

    A supervisor's key names the supervisor, and opens the therapists of the teams that they supervise. A parent's key
    names the child, and acts as the parent: what is the child's own is not for it.
    """

    kind: Literal["client", "therapist"]
    system: str | None
    value: str
    acts_as: ActsAs = "client"


def bind(
    connection: Connection, runtime: Runtime, binding: Binding | None, *, organisation: UUID, at: datetime
) -> dict[str, UUID]:
    """Find or make the person whom a credential opens."""
    if binding is None:
        return {}
    parts = (binding.system or "", binding.value)
    reference = runtime.keys.reference(binding.kind, *parts, organisation=organisation)
    vault = runtime.vault.of(connection, organisation=organisation)
    seal = vault.seal_client if binding.kind == "client" else vault.seal_therapist
    person, is_new = store.find_or_make_person(
        connection,
        binding.kind,
        reference,
        organisation=organisation,
        new_id=runtime.new_id,
        seal=lambda person_id: seal(person_id, parts),
        created_at=at,
    )
    if is_new and binding.kind == "client":
        log(connection, runtime, "client.created", {"client_id": str(person)}, organisation=organisation, at=at)
    return {f"{binding.kind}_id": person}


def log(
    connection: Connection,
    runtime: Runtime,
    kind: Kind,
    subject: Mapping[str, str],
    *,
    organisation: UUID,
    at: datetime,
    application: UUID | None = None,
    acting: str | None = None,
) -> None:
    """Write a deed into the organisation's log, with the person behind it sealed."""
    event_id = runtime.new_id()
    vault = runtime.vault.of(connection, organisation=organisation)
    event = Event(
        event_id=event_id,
        kind=kind,
        application_id=application,
        subject=dict(subject) | sealed_in_subject(vault, event_id, acting=acting),
        recorded_at=at,
    )
    append_events(connection, [event], organisation=organisation)
