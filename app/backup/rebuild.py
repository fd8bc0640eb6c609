"""Build a database from a backup in a file of its own: the data, the newest schema, the newest keys."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from app.access.administer import list_organisations
from app.audit.verify import KeptHead
from app.backup.files import flush, make_private
from app.backup.finish import Finished, finish
from app.backup.manifest import Manifest
from app.storage.migrate import upgrade
from app.storage.runtime import Runtime
from app.submissions.recount import recount

#: Opens the service's runtime on a database URL.
OpenOn = Callable[[str], Runtime]


async def rebuild(data: Path, target: Path, *, manifest: Manifest, keys: Path | None, open_on: OpenOn) -> Finished:
    """Copy the data, migrate them, and finish them with the keys; without keys the logs alone are proven."""
    url = await asyncio.to_thread(_copied, data, target)
    runtime = open_on(url)
    try:
        await recount(runtime.database, runtime.catalog)
        organisations = [row.organisation_id for row in await list_organisations(runtime)]
        heads = {
            head.organisation_id: KeptHead(sequence=head.sequence, chain=bytes.fromhex(head.chain))
            for head in manifest.heads
            if head.chain is not None
        }
        done = await finish(runtime, keys=keys, organisations=organisations, kept=heads)
    finally:
        await runtime.database.close()
    await asyncio.to_thread(_settle, target)
    return done


def _copied(data: Path, target: Path) -> str:
    shutil.copyfile(data, make_private(target))
    url = f"sqlite:///{target.resolve()}"
    upgrade(url)
    return url


def _settle(target: Path) -> None:
    """Bring everything into the one file, and that to the disk."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    flush(target)
