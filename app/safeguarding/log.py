"""What happens to safety checks, in the organisation's log: ids only, and not whose check it is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.storage.events import Event, Kind, append_events
from app.storage.runtime import Runtime


def log_step(
    connection: Connection,
    runtime: Runtime,
    kind: Kind,
    *,
    organisation: UUID,
    at: datetime,
    application: UUID | None = None,
    **ids: UUID,
) -> None:
    """Append an event with the ids of what it is about."""
    event = Event(
        event_id=runtime.new_id(),
        kind=kind,
        application_id=application,
        subject={name: str(value) for name, value in ids.items()},
        recorded_at=at,
    )
    append_events(connection, [event], organisation=organisation)
