"""The log of events: appended in the transaction of what happened, ids and kinds only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert

from app.storage.tables import events

Kind = Literal[
    "organisation.created",
    "application.created",
    "api_key.created",
    "api_key.revoked",
    "instrument.enabled",
    "client.created",
    "episode.opened",
    "episode.ended",
    "submission.recorded",
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
        connection.execute(
            insert(events),
            [
                {
                    "organisation_id": organisation,
                    "event_id": e.event_id,
                    "kind": e.kind,
                    "application_id": e.application_id,
                    "subject": e.subject,
                    "recorded_at": e.recorded_at,
                }
                for e in found
            ],
        )
