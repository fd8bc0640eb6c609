"""Safety checks, their steps and those who read them, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from app.storage.dialects import in_both
from app.storage.safeguarding_tables import (
    safeguarding_recipients,
    safeguarding_settings,
    safety_checks,
    safety_steps,
)
from app.storage.tables import organisations
from app.storage.types import AnyRow

_SETTINGS = select(safeguarding_settings).where(safeguarding_settings.c.organisation_id == bindparam("organisation"))
_RECIPIENTS = (
    select(safeguarding_recipients)
    .where(
        safeguarding_recipients.c.organisation_id == bindparam("organisation"),
        safeguarding_recipients.c.removed_at.is_(None),
    )
    .order_by(safeguarding_recipients.c.position)
)
_LAST_POSITION = select(func.max(safeguarding_recipients.c.position)).where(
    safeguarding_recipients.c.organisation_id == bindparam("organisation")
)
_CHECK = select(safety_checks).where(
    safety_checks.c.organisation_id == bindparam("organisation"), safety_checks.c.check_id == bindparam("check_id")
)
_BY_KEY = select(safety_checks).where(
    safety_checks.c.organisation_id == bindparam("organisation"), safety_checks.c.key == bindparam("key")
)
_OPENINGS = 1000
_STEPS = select(safety_steps).where(
    safety_steps.c.organisation_id == bindparam("organisation"), safety_steps.c.check_id == bindparam("check_id")
)
#: Nobody knows how often a check is opened: of these steps the newest are read, and every other step.
_LAST_OPENINGS = (
    _STEPS.where(safety_steps.c.kind == "opened")
    .order_by(safety_steps.c.taken_at.desc(), safety_steps.c.step_id.desc())
    .limit(_OPENINGS)
)
_OTHER_STEPS = _STEPS.where(safety_steps.c.kind != "opened")
#: In portions: the newest first, behind the one that was read last.
_PORTION = (
    select(safety_checks)
    .where(
        safety_checks.c.organisation_id == bindparam("organisation"),
        or_(
            safety_checks.c.received_at < bindparam("before"),
            and_(safety_checks.c.received_at == bindparam("before"), safety_checks.c.check_id < bindparam("behind")),
        ),
    )
    .order_by(safety_checks.c.received_at.desc(), safety_checks.c.check_id.desc())
    .limit(bindparam("limit"))
)
_PORTION_IN_STATE = _PORTION.where(safety_checks.c.state == bindparam("state"))
_DUE = (
    select(safety_checks)
    .where(
        safety_checks.c.organisation_id == bindparam("organisation"),
        safety_checks.c.state == "open",
        safety_checks.c.escalates_at <= bindparam("now"),
    )
    .order_by(safety_checks.c.check_id)
)
_OF_CLIENT = in_both(
    lambda among: select(safety_checks).where(
        safety_checks.c.organisation_id == bindparam("organisation"), among(safety_checks.c.client_id, "client_ids")
    )
)
_RECEIVED_BEFORE = (
    select(safety_checks.c.check_id, safety_checks.c.client_id, safety_checks.c.state)
    .where(
        safety_checks.c.organisation_id == bindparam("organisation"), safety_checks.c.received_at < bindparam("before")
    )
    .order_by(safety_checks.c.check_id)
)


def find_settings(connection: Connection, *, organisation: UUID) -> AnyRow | None:
    """Read what an organisation has settled about safety checks."""
    return connection.execute(_SETTINGS, {"organisation": organisation}).first()


def replace_settings(connection: Connection, row: Mapping[str, Any], *, organisation: UUID) -> None:
    """Write what an organisation has settled, in place of what it had."""
    connection.execute(delete(safeguarding_settings).where(safeguarding_settings.c.organisation_id == organisation))
    connection.execute(insert(safeguarding_settings).values(organisation_id=organisation, **row))


def live_recipients(connection: Connection, *, organisation: UUID) -> list[AnyRow]:
    """Read who reads safety checks now, in the order in which they get them."""
    return list(connection.execute(_RECIPIENTS, {"organisation": organisation}))


def lock_recipients(connection: Connection, *, organisation: UUID) -> None:
    """Let no two people get the same place: whoever adds one waits for the other."""
    locked = select(organisations.c.organisation_id).where(organisations.c.organisation_id == organisation)
    connection.execute(locked.with_for_update(key_share=True))


def insert_recipient(connection: Connection, row: Mapping[str, Any], *, organisation: UUID) -> None:
    """Add a recipient behind all that there ever were."""
    last = connection.execute(_LAST_POSITION, {"organisation": organisation}).scalar() or 0
    connection.execute(
        insert(safeguarding_recipients).values(organisation_id=organisation, position=last + 1, removed_at=None, **row)
    )


def remove_recipient(
    connection: Connection, *, organisation: UUID, recipient_id: UUID, position: int, at: datetime
) -> None:
    """Take a recipient off the list; what waits for them moves on at the next look."""
    connection.execute(
        update(safeguarding_recipients)
        .where(
            safeguarding_recipients.c.organisation_id == organisation,
            safeguarding_recipients.c.recipient_id == recipient_id,
        )
        .values(removed_at=at)
    )
    connection.execute(
        update(safety_checks)
        .where(
            safety_checks.c.organisation_id == organisation,
            safety_checks.c.state == "open",
            safety_checks.c.position == position,
        )
        .values(escalates_at=at)
    )


def insert_check(connection: Connection, row: Mapping[str, Any], *, organisation: UUID) -> None:
    """Keep a check."""
    connection.execute(insert(safety_checks).values(organisation_id=organisation, **row))


def find_check(connection: Connection, check_id: UUID, *, organisation: UUID, lock: bool = False) -> AnyRow | None:
    """Read one check; locked, where its state is about to change."""
    query = _CHECK.with_for_update() if lock else _CHECK
    return connection.execute(query, {"organisation": organisation, "check_id": check_id}).first()


def find_check_by_key(connection: Connection, key: bytes, *, organisation: UUID) -> AnyRow | None:
    """Find the check that an idempotency key was bound to."""
    return connection.execute(_BY_KEY, {"organisation": organisation, "key": key}).first()


def read_portion(
    connection: Connection, *, organisation: UUID, state: str | None, before: datetime, behind: UUID, limit: int
) -> Sequence[AnyRow]:
    """Read checks, those in one state or all, from the newest one on, behind a place in that order."""
    sent = {"organisation": organisation, "before": before, "behind": behind, "limit": limit}
    if state is None:
        return connection.execute(_PORTION, sent).all()
    return connection.execute(_PORTION_IN_STATE, sent | {"state": state}).all()


def due_checks(connection: Connection, *, organisation: UUID, now: datetime) -> Sequence[AnyRow]:
    """Read the checks that nobody has acknowledged in time."""
    return connection.execute(_DUE, {"organisation": organisation, "now": now}).all()


def checks_of(connection: Connection, client_ids: Sequence[UUID], *, organisation: UUID) -> Sequence[AnyRow]:
    """Read the checks of a client, under each of the client's ids."""
    sent = {"organisation": organisation, "client_ids": list(client_ids)}
    return connection.execute(_OF_CLIENT[connection.dialect.name], sent).all()


def received_before(connection: Connection, *, organisation: UUID, before: datetime) -> Sequence[AnyRow]:
    """Read which checks came in before a time."""
    return connection.execute(_RECEIVED_BEFORE, {"organisation": organisation, "before": before}).all()


def change_check(connection: Connection, check_id: UUID, values: Mapping[str, Any], *, organisation: UUID) -> None:
    """Change what is known of a check."""
    connection.execute(
        update(safety_checks)
        .where(safety_checks.c.organisation_id == organisation, safety_checks.c.check_id == check_id)
        .values(values)
    )


def move_on(
    connection: Connection, row: AnyRow, *, organisation: UUID, position: int, escalates_at: datetime | None
) -> bool:
    """Give a check to another recipient; False where somebody else was quicker, or it was acknowledged meanwhile."""
    moved = connection.execute(
        update(safety_checks)
        .where(
            safety_checks.c.organisation_id == organisation,
            safety_checks.c.check_id == row.check_id,
            safety_checks.c.state == "open",
            safety_checks.c.position == row.position,
            safety_checks.c.escalates_at == row.escalates_at,
        )
        .values(position=position, escalates_at=escalates_at)
    )
    return moved.rowcount == 1


def insert_step(connection: Connection, row: Mapping[str, Any], *, organisation: UUID) -> None:
    """Keep that something was done with a check."""
    connection.execute(insert(safety_steps).values(organisation_id=organisation, **row))


def read_steps(connection: Connection, check_id: UUID, *, organisation: UUID) -> Sequence[AnyRow]:
    """Read what was done with a check, in order; of very many openings the last ones."""
    sent = {"organisation": organisation, "check_id": check_id}
    found = [*connection.execute(_LAST_OPENINGS, sent), *connection.execute(_OTHER_STEPS, sent)]
    return sorted(found, key=lambda row: (row.taken_at, row.step_id))


def delete_check(connection: Connection, check_id: UUID, *, organisation: UUID) -> None:
    """Delete a check with all of its steps."""
    for table in (safety_steps, safety_checks):
        connection.execute(delete(table).where(table.c.organisation_id == organisation, table.c.check_id == check_id))
