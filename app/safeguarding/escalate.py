"""Give what nobody has acknowledged in time to the next recipient; after the last one it is everybody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from app.errors import SealBroken
from app.safeguarding.check import EVERYBODY
from app.safeguarding.configure import settled
from app.safeguarding.log import log_step
from app.safeguarding.readers import barred, first_turn, opened, therapists_now
from app.safeguarding.store import due_checks, insert_step, live_recipients, move_on
from app.seeing.logs import log
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


async def escalate(runtime: Runtime, *, organisation: UUID) -> int:
    """Move on every check of an organisation that is due, each once, and return how many they were.

    Several workers may do so at once: a check moves for the one that finds it as it was read. One that does not open
    keeps no other one waiting.
    """

    def is_any(connection: Connection) -> bool:
        return bool(due_checks(connection, organisation=organisation, now=runtime.now()))

    if not await runtime.database.read(is_any, organisation=organisation):
        return 0

    def work(connection: Connection) -> tuple[int, list[SealBroken]]:
        moved, broken = 0, list[SealBroken]()
        for row in due_checks(connection, organisation=organisation, now=runtime.now()):
            try:
                kept_from = _kept_from(connection, runtime, row, organisation=organisation)
            except SealBroken as error:
                broken.append(error)
            else:
                moved += _moved(connection, runtime, row, kept_from=kept_from, organisation=organisation)
        return moved, broken

    moved, broken = await runtime.database.write(work, organisation=organisation)
    if broken:
        log.error("escalation_failed", exception=broken[0], skipped=len(broken))
    return moved


def _kept_from(connection: Connection, runtime: Runtime, row: AnyRow, *, organisation: UUID) -> frozenset[str]:
    content = opened(connection, runtime, row, organisation=organisation)
    now = therapists_now(connection, runtime, row, content, organisation=organisation)
    return barred(live_recipients(connection, organisation=organisation), content, now)


def _moved(
    connection: Connection, runtime: Runtime, row: AnyRow, *, kept_from: frozenset[str], organisation: UUID
) -> bool:
    now = runtime.now()
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
