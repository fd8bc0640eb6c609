"""Look once a minute whether a safety check has waited too long, as long as the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final
from uuid import UUID

from app.safeguarding.escalate import escalate
from app.seeing.logs import log
from app.seeing.untold import untold
from app.storage.runtime import Runtime

EVERY_SECONDS: Final = 60.0


async def watch(runtime: Runtime, organisations: Collection[UUID], *, every: float = EVERY_SECONDS) -> None:
    """Escalate for ever what is due of the organisations that there are each time.

    Every worker does so for those whose applications it has met: the wall of the database does not let the service list
    the others. What one organisation meets must not keep the next one waiting.
    """
    while True:
        await asyncio.sleep(every)
        for organisation in tuple(organisations):
            try:
                with untold():
                    await escalate(runtime, organisation=organisation)
            except Exception as error:  # noqa: BLE001 - the next look may succeed, and must take place
                log.error("escalation_failed", exception=error)
