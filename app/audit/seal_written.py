"""Seal what a command wrote before it ends: a running service seals only for organisations whose applications call."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from app.audit.seal_all import seal_all
from app.storage.database import Database, Work
from app.storage.runtime import Runtime

T = TypeVar("T")


class NotingDatabase:
    """A database that notes for which organisations something was written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.name = database.name
        self.last_write = database.last_write
        self.written: dict[UUID, None] = {}

    async def write(self, work: Work[T], *, organisation: UUID | None) -> T:
        """Run a write, and note for whom; one that failed may have been preceded by others."""
        if organisation is not None:
            self.written[organisation] = None
        return await self._database.write(work, organisation=organisation)

    async def read(self, work: Work[T], *, organisation: UUID | None) -> T:
        """Run a read."""
        return await self._database.read(work, organisation=organisation)

    async def wipe(self) -> None:
        """Take what was deleted out of the database's own files too."""
        await self._database.wipe()

    async def close(self) -> None:
        """Give every connection back."""
        await self._database.close()


async def seal_written(runtime: Runtime, written: NotingDatabase) -> None:
    """Seal the entries of every organisation that was written for."""
    for organisation in list(written.written):
        await seal_all(runtime, organisation=organisation)
