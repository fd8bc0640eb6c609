"""Whether the service could store something now: asked of the database itself, and of the files of its secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Literal

from sqlalchemy import Connection

from app.errors import AllianceError, Misconfigured, StorageBusy, StorageUnavailable, Trouble
from app.storage.database import Database
from app.storage.keyring import KeyRing, open_keyring
from app.storage.last_write import LastWrite
from app.storage.master import NAME as MASTER
from app.storage.master import MasterKeys
from app.storage.signing_keys import read_signing_keys

Writing = Literal["ok", "busy"] | Trouble
Keys = Literal["ok", "unreadable", "changed"]

#: What a transaction has to do to be one that is written, and leaves nothing behind.
_TRACELESS = {
    "sqlite": "PRAGMA user_version = 0",  # writes the first page, as it was
    # A line of the log, for nobody; nothing where a transaction may only read, which would let this one pass.
    "postgresql": "SELECT CASE WHEN NOT current_setting('transaction_read_only')::boolean"
    " THEN pg_logical_emit_message(true, 'alliance', '') END",
}


class WriteProbe:
    """Writes a transaction that leaves nothing behind, once a second at most: whoever asks more often shares it."""

    def __init__(self, *, fresh_for: float = 1.0, clock: Callable[[], float] = monotonic) -> None:
        self._fresh_for = fresh_for
        self._clock = clock
        self._asked: tuple[float, asyncio.Task[Writing]] | None = None

    async def __call__(self, database: Database) -> Writing:
        """Say whether the database takes a write.

        A disk without room for a form may have some for ours, so what a real write met is asked for as well.
        """
        now, last = self._clock(), database.last_write
        was_full = last.was_full
        if self._asked is None or (self._asked[1].done() and self._is_old(self._asked[0], last, now=now)):
            self._asked = (now, asyncio.create_task(_write(database)))
        found = await asyncio.shield(self._asked[1])
        return "full" if found == "ok" and was_full else found

    def _is_old(self, asked_at: float, last: LastWrite, *, now: float) -> bool:
        return now - asked_at >= self._fresh_for or last.has_news_since(asked_at)


async def _write(database: Database) -> Writing:
    statement = _TRACELESS[database.name]

    def write(connection: Connection) -> bool:
        done = connection.exec_driver_sql(statement)
        return not done.returns_rows or done.scalar() is not None

    try:
        return "ok" if await database.write(write, organisation=None) else "read_only"
    except StorageUnavailable as error:
        return error.reason
    except StorageBusy:
        return "busy"
    except AllianceError:
        return "unavailable"


async def keys_on_disk(folder: Path | None, *, in_use: KeyRing, masters: MasterKeys) -> Keys:
    """Say whether the secrets could be read again at the next start, and would be the same.

    Master keys may be added, and those of before taken out; keys that sign may come and go.
    """
    if folder is None:
        return "ok"

    def same() -> bool:
        read_signing_keys(folder / "signing")
        return masters.is_in(folder / MASTER) and open_keyring(folder, make=False) == in_use

    try:
        return "ok" if await asyncio.to_thread(same) else "changed"
    except (Misconfigured, OSError):
        return "unreadable"
