"""The log of events: appended in the transaction of what happened, ids and kinds only."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Connection, insert

from app.storage.sealed import Place
from app.storage.tables import events
from app.storage.vault import OrganisationVault

Kind = Literal[
    "organisation.created",
    "application.created",
    "api_key.created",
    "api_key.revoked",
    "application.keys_set",
    "application.tokens_revoked",
    "application.shut_out",
    "person.shut_out",
    "invitation.made",
    "invitation.renewed",
    "invitation.revoked",
    "invitation.used",
    "issuer.added",
    "issuer.revoked",
    "instrument.enabled",
    "client.created",
    "client.erased",
    "consent.recorded",
    "legal_hold.placed",
    "legal_hold.lifted",
    "organisation.settings_changed",
    "episode.opened",
    "episode.ended",
    "episode.reopened",
    "episode.recomputed",
    "episode.scheduled",
    "submission.recorded",
    "submission.corrected",
    "submission.withdrawn",
    "signal.opened",
    "signal.closed",
    "signal.acknowledged",
    "norm.estimated",
    "norm.activated",
    "norm.deactivated",
    "team.created",
    "team.member_added",
    "team.member_removed",
    "safeguarding.configured",
    "safeguarding.recipient_added",
    "safeguarding.recipient_removed",
    "safety_check.received",
    "safety_check.opened",
    "safety_check.acknowledged",
    "safety_check.escalated",
    "safety_check.closed",
    "safety_check.deleted",
    "access.read",
    "access.denied",
    "access.break_glass",
    "audit.exported",
]
#: What of a subject is sealed with the organisation's key, written in base64.
SEALED: Final = frozenset({"acting", "reason"})
#: What of a subject is sealed with the key of the one client whom it is about: an erasure makes it unreadable.
SEALED_FOR_CLIENT: Final = frozenset({"access_reason", "hold_reason"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: its kind, and the ids of what it happened to."""

    event_id: UUID
    kind: Kind
    application_id: UUID | None
    subject: dict[str, str]
    recorded_at: datetime


def append_events(connection: Connection, found: Sequence[Event], *, organisation: UUID) -> None:
    """Append events to the organisation's log, in the transaction that is open."""
    if found:
        connection.execute(insert(events), [event_row(event, organisation=organisation) for event in found])


def event_row(event: Event, *, organisation: UUID) -> dict[str, Any]:
    """Make the row of an event; the sealer gives it its number and its link later."""
    return {
        "organisation_id": organisation,
        "event_id": event.event_id,
        "kind": event.kind,
        "application_id": event.application_id,
        "subject": event.subject,
        "recorded_at": event.recorded_at,
        "sequence": None,
        "chain": None,
    }


def sealed_in_subject(vault: OrganisationVault, event_id: UUID, **texts: str | None) -> dict[str, str]:
    """Seal the person behind an event and the reason given, those that are there, for its subject."""
    return {
        name: b64encode(vault.seal(text, place_in_subject(name, event_id))).decode()
        for name, text in texts.items()
        if text is not None
    }


def sealed_for_client(vault: OrganisationVault, event_id: UUID, client_id: UUID, **texts: str) -> dict[str, str]:
    """Seal what was said about a client for the subject of an event, with the client's own key."""
    return {
        name: b64encode(vault.seal_for(client_id, text, place_in_subject(name, event_id))).decode()
        for name, text in texts.items()
    }


def place_in_subject(name: str, event_id: UUID) -> Place:
    """Say where a sealed part of a subject is kept."""
    return Place(table="events", column=name, row=event_id)
