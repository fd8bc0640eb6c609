"""Seal who acknowledged signals before persons were sealed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from app.signals.life import acting_place
from app.signals.store import seal_some
from app.storage.runtime import Runtime


async def seal_acting(runtime: Runtime, *, organisation: UUID) -> int:
    """Seal the persons of an organisation's acknowledgements that are plain, in portions; return how many they were."""

    def work(connection: Connection) -> int:
        vault = runtime.vault.of(connection, organisation=organisation)
        return seal_some(
            connection, lambda made, acting: vault.seal(acting, acting_place(made)), organisation=organisation
        )

    whole = 0
    while sealed := await runtime.database.write(work, organisation=organisation):
        whole += sealed
    return whole
