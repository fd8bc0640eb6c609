"""What an organisation settles before a client is asked: the texts, how long nobody may look, how long it is kept."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from app.access.store import has_organisation
from app.errors import Misconfigured, NotFound
from app.safeguarding.log import log_step
from app.safeguarding.store import find_settings, replace_settings
from app.safeguarding.texts import Texts, checked_texts
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: A week. Whoever looks more seldom does not offer a safety check.
LONGEST_WAIT: Final = 7 * 24 * 60
LONGEST_RETENTION: Final = 600


async def configure(
    runtime: Runtime, *, organisation: UUID, texts: Any, escalate_after_minutes: int, retention_months: int
) -> Texts:
    """Settle what an organisation tells its clients, and by when somebody must have looked."""
    checked = checked_texts(texts)
    if not 1 <= escalate_after_minutes <= LONGEST_WAIT:
        raise Misconfigured(f"a check escalates after 1 to {LONGEST_WAIT} minutes")
    if not 1 <= retention_months <= LONGEST_RETENTION:
        raise Misconfigured(f"checks are kept for 1 to {LONGEST_RETENTION} months")

    def work(connection: Connection) -> Texts:
        if not has_organisation(connection, organisation=organisation):
            raise NotFound
        row = {
            "texts": msgspec.to_builtins(checked),
            "escalate_after_minutes": escalate_after_minutes,
            "retention_months": retention_months,
            "changed_at": runtime.now(),
        }
        replace_settings(connection, row, organisation=organisation)
        log_step(connection, runtime, "safeguarding.configured", organisation=organisation, at=row["changed_at"])
        return checked

    return await runtime.database.write(work, organisation=organisation)


def texts_of(row: AnyRow) -> Texts:
    """Read the texts that an organisation has settled."""
    return msgspec.convert(row.texts, Texts)


def settled(connection: Connection, *, organisation: UUID) -> AnyRow:
    """Read what an organisation has settled, or say that it has settled nothing."""
    row = find_settings(connection, organisation=organisation)
    if row is None:
        raise Misconfigured("nothing is settled yet: run `alliance safeguarding configure`")
    return row
