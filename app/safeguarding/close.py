"""Close a safety check, with the reason: it stays readable until its time is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import SafetyCheckClosed
from app.safeguarding.check import Standing
from app.safeguarding.readers import Reader
from app.safeguarding.steps import keep_step, steps_of
from app.safeguarding.store import change_check, find_check
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """How far the check is now, and whether this request closed it."""

    standing: Standing
    changed: bool


async def close(runtime: Runtime, caller: Caller, *, check_id: UUID, reason: str) -> Closed:
    """Close a check; closing it again with the same reason changes nothing, with another one is refused."""

    def work(connection: Connection) -> Closed:
        reader = Reader.of(connection, runtime, caller)
        seen = reader.check(check_id)
        if seen.row.state == "closed":
            before = [(step.acting, step.reason) for step in steps_of(reader, check_id) if step.kind == "closed"]
            if (reader.acting, reason) not in before:
                raise SafetyCheckClosed
            return Closed(standing=reader.standing(seen), changed=False)
        change_check(connection, check_id, {"state": "closed", "escalates_at": None}, organisation=caller.organisation)
        keep_step(reader, check_id, "closed", application=caller.application, reason=reason)
        now = find_check(connection, check_id, organisation=caller.organisation) or seen.row
        return Closed(standing=reader.standing(replace(seen, row=now)), changed=True)

    return await runtime.database.write(work, organisation=caller.organisation)
