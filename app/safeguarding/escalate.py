"""Give what nobody has acknowledged in time to the next recipient; after the last one it is everybody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from app.safeguarding.check import EVERYBODY
from app.safeguarding.configure import settled
from app.safeguarding.log import log_step
from app.safeguarding.readers import first_turn, opened, therapists_now
from app.safeguarding.store import due_checks, insert_step, live_recipients, move_on
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


async def escalate(runtime: Runtime, *, organisation: UUID) -> int:
    """Move on every check of an organisation that is due, each once, and return how many they were.

    Several workers may do so at once: a check moves for the one that finds it as it was read.
    """

    def is_any(connection: Connection) -> bool:
        return bool(due_checks(connection, organisation=organisation, now=runtime.now()))

    if not await runtime.database.read(is_any, organisation=organisation):
        return 0

    def work(connection: Connection) -> int:
        due = due_checks(connection, organisation=organisation, now=runtime.now())
        return sum(_moved(connection, runtime, row, organisation=organisation) for row in due)

    return await runtime.database.write(work, organisation=organisation)


def _moved(connection: Connection, runtime: Runtime, row: AnyRow, *, organisation: UUID) -> bool:
    now = runtime.now()
    content = opened(connection, runtime, row, organisation=organisation)
    kept_from = content.kept_from | therapists_now(connection, runtime, row, content, organisation=organisation)
    recipients = live_recipients(connection, organisation=organisation)
    position = first_turn(recipients, kept_from=kept_from, behind=row.position)
    until = _until(connection, position, organisation=organisation, now=now)
    if not move_on(connection, row, organisation=organisation, position=position, escalates_at=until):
        return False
    step = {
        "check_id": row.check_id,
        "step_id": runtime.new_id(),
        "kind": "escalated",
        "sealed_acting": None,
        "sealed_reason": None,
        "taken_at": now,
    }
    insert_step(connection, step, organisation=organisation)
    log_step(connection, runtime, "safety_check.escalated", organisation=organisation, at=now, check_id=row.check_id)
    return True


def _until(connection: Connection, position: int, *, organisation: UUID, now: datetime) -> datetime | None:
    if position == EVERYBODY:
        return None
    minutes = settled(connection, organisation=organisation).escalate_after_minutes
    return now + timedelta(minutes=minutes)
