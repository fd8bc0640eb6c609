"""Say that a safety check is being taken care of: from then on it goes to nobody else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.safeguarding.check import Standing
from app.safeguarding.readers import Reader
from app.safeguarding.steps import keep_step
from app.safeguarding.store import change_check, find_check
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """How far the check is now, and whether this request made it so."""

    standing: Standing
    changed: bool


async def acknowledge(runtime: Runtime, caller: Caller, *, check_id: UUID) -> Acknowledged:
    """Keep who takes care of a check; one that somebody takes care of already stays as it is."""

    def work(connection: Connection) -> Acknowledged:
        reader = Reader.of(connection, runtime, caller)
        seen = reader.check(check_id)
        if seen.row.state != "open":
            return Acknowledged(standing=reader.standing(seen), changed=False)
        values = {"state": "acknowledged", "escalates_at": None}
        change_check(connection, check_id, values, organisation=caller.organisation)
        keep_step(reader, check_id, "acknowledged", application=caller.application)
        now = find_check(connection, check_id, organisation=caller.organisation) or seen.row
        return Acknowledged(standing=reader.standing(replace(seen, row=now)), changed=True)

    return await runtime.database.write(work, organisation=caller.organisation)
