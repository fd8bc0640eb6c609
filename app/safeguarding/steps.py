"""What is done with a safety check: each step is kept with the person who took it, and told to the log by ids."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from app.safeguarding.check import Step, acting_place, reason_place
from app.safeguarding.log import log_step
from app.safeguarding.readers import Reader
from app.safeguarding.store import insert_step, read_steps

Taken = Literal["opened", "acknowledged", "closed"]
_KIND_OF: Final[dict[Taken, Literal["safety_check.opened", "safety_check.acknowledged", "safety_check.closed"]]] = {
    "opened": "safety_check.opened",
    "acknowledged": "safety_check.acknowledged",
    "closed": "safety_check.closed",
}


def keep_step(reader: Reader, check_id: UUID, kind: Taken, *, application: UUID, reason: str | None = None) -> None:
    """Keep what a reader does."""
    runtime, organisation = reader.runtime, reader.organisation
    step_id, now = runtime.new_id(), runtime.now()
    vault = runtime.vault.of(reader.connection, organisation=organisation)
    row = {
        "check_id": check_id,
        "step_id": step_id,
        "kind": kind,
        "sealed_acting": vault.seal_safeguarding(reader.acting, acting_place(step_id)),
        "sealed_reason": None if reason is None else vault.seal_safeguarding(reason, reason_place(step_id)),
        "taken_at": now,
    }
    insert_step(reader.connection, row, organisation=organisation)
    log_step(
        reader.connection,
        runtime,
        _KIND_OF[kind],
        organisation=organisation,
        at=now,
        application=application,
        check_id=check_id,
        recipient_id=reader.recipient.recipient_id,
    )


def steps_of(reader: Reader, check_id: UUID) -> tuple[Step, ...]:
    """Read what was done with a check."""
    vault = reader.runtime.vault.of(reader.connection, organisation=reader.organisation)
    return tuple(
        Step(
            kind=row.kind,
            acting=None
            if row.sealed_acting is None
            else vault.open_safeguarding(row.sealed_acting, acting_place(row.step_id)),
            reason=None
            if row.sealed_reason is None
            else vault.open_safeguarding(row.sealed_reason, reason_place(row.step_id)),
            taken_at=row.taken_at,
        )
        for row in read_steps(reader.connection, check_id, organisation=reader.organisation)
    )
