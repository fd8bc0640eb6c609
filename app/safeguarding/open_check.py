"""Open a safety check: the one place where it is read, each time with a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import SafetyCheckUnreadable
from app.safeguarding.check import Content, Standing, Step
from app.safeguarding.readers import Reader
from app.safeguarding.steps import keep_step, steps_of
from app.seeing.logs import log
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCheck:
    """A check with what was said, and with all that was done since, this opening included."""

    standing: Standing
    completed_at: datetime
    content: Content
    steps: tuple[Step, ...]


async def open_check(runtime: Runtime, caller: Caller, *, check_id: UUID) -> OpenedCheck:
    """Return what was said, once it is written down who reads it; of what does not open the log has a line."""

    def work(connection: Connection) -> OpenedCheck:
        reader = Reader.of(connection, runtime, caller)
        seen = reader.check(check_id)
        if seen.content is None:
            raise SafetyCheckUnreadable
        keep_step(reader, check_id, "opened", application=caller.application)
        return OpenedCheck(
            standing=reader.standing(seen),
            completed_at=seen.row.completed_at,
            content=seen.content,
            steps=steps_of(reader, check_id),
        )

    try:
        return await runtime.database.write(work, organisation=caller.organisation)
    except SafetyCheckUnreadable:
        log.error("safety_check_unreadable", organisation_id=caller.organisation)
        raise
