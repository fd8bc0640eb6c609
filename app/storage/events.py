"""The log of events: appended in the transaction of what happened, ids and kinds only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, insert

from app.storage.tables import events

Kind = Literal[
    "organisation.created",
    "application.created",
    "api_key.created",
    "api_key.revoked",
    "application.keys_set",
    "application.tokens_revoked",
    "issuer.added",
    "issuer.revoked",
    "instrument.enabled",
    "client.created",
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
]


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
