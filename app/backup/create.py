"""Back up an SQLite database while the service writes: the data as they are at one moment, and the newest keys."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from app import __version__
from app.backup import bundle, manifest
from app.backup.copy import PAGES, OnProgress, copy, copy_without, look
from app.backup.files import DRAFT, flush, locked, put
from app.backup.manifest import DATA, LEFT_OUT, Manifest
from app.backup.newest import drafted
from app.storage.runtime import Runtime

_WHOLE: Final = "whole.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A backup: its folder, the file of the keys, and what both say of themselves."""

    folder: Path
    keys: Path
    manifest: Manifest
    bundle: bundle.Ending


async def create(
    runtime: Runtime,
    *,
    database: Path,
    to: Path,
    keys: Path,
    organisations: Sequence[UUID],
    replace_keys: bool = False,
    on_progress: OnProgress = lambda _done, _all: None,
    pages: int = PAGES,
) -> Created:
    """Write a backup into a folder below `to`, and the newest keys over the ones before, if they know all of theirs.

    What is not finished has the name of a draft. The keys get their name first: keys that are newer than all data are
    the rule, data that are newer than the keys could not be read.
    """
    with locked(to):
        created_at = runtime.now()
        draft = to / f"{DRAFT}{created_at:%Y%m%dT%H%M%S%f}"
        draft.mkdir(mode=0o700)
        await asyncio.to_thread(copy, database, draft / _WHOLE, on_progress=on_progress, pages=pages)
        await asyncio.to_thread(copy_without, draft / _WHOLE, draft / DATA, LEFT_OUT)
        found = await asyncio.to_thread(look, draft / DATA)
        written = Manifest(
            version=__version__,
            migration=found.migration,
            created_at=created_at,
            files={DATA: await asyncio.to_thread(manifest.described, draft / DATA)},
            rows=found.rows,
            heads=found.heads,
        )
        manifest.write_manifest(draft, written, keys=runtime.keys)
        newest = drafted(runtime, keys, organisations=organisations, migration=found.migration, replace=replace_keys)
        async with newest as (keys_draft, ending):
            flush(draft)
            put(keys_draft, keys)
        folder = _name(to, written)
        put(draft, folder)
    return Created(folder=folder, keys=keys, manifest=written, bundle=ending)


def _name(to: Path, written: Manifest) -> Path:
    """Name a backup by its time; of two in a second the second gets a number."""
    name = f"{written.created_at:%Y-%m-%dT%H%M%SZ}"
    found, number = to / name, 1
    while found.exists():
        number += 1
        found = to / f"{name}-{number}"
    return found
