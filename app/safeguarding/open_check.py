"""Open a safety check: the one place where it is read, each time with a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.safeguarding.check import Content, Standing, Step
from app.safeguarding.readers import Reader
from app.safeguarding.steps import keep_step, steps_of
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCheck:
    """A check with what was said, and with all that was done since, this opening included."""

    standing: Standing
    completed_at: datetime
    content: Content
    steps: tuple[Step, ...]


async def open_check(runtime: Runtime, caller: Caller, *, check_id: UUID) -> OpenedCheck:
    """Return what was said, once it is written down who reads it."""

    def work(connection: Connection) -> OpenedCheck:
        reader = Reader.of(connection, runtime, caller)
        row, content = reader.check(check_id)
        keep_step(reader, check_id, "opened", application=caller.application)
        return OpenedCheck(
            standing=reader.standing(row),
            completed_at=row.completed_at,
            content=content,
            steps=steps_of(reader, check_id),
        )

    return await runtime.database.write(work, organisation=caller.organisation)
