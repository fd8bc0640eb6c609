"""Verify a backup: as it was written, whole by SQLite's own checks, of a known schema, and restored for a trial."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from app.backup import bundle
from app.backup.copy import Found, look, what_is_broken
from app.backup.finish import Finished
from app.backup.manifest import DATA, LEFT_OUT, Manifest, described, read_manifest
from app.backup.rebuild import OpenOn, rebuild
from app.errors import Misconfigured
from app.storage.keyring import KeyRing
from app.storage.migrate import knows

_TIME: Final = "%Y-%m-%d %H:%M:%S %Z"


async def verify(folder: Path, *, keys: Path | None, ring: KeyRing, open_on: OpenOn) -> tuple[Manifest, Finished]:
    """Verify a backup of the data and, if they are given, the keys that open them; both are left as they are.

    The trial needs room for a copy of the data in the folder for temporary files.
    """
    manifest = await asyncio.to_thread(checked, folder, keys=keys, ring=ring)
    with tempfile.TemporaryDirectory(prefix="alliance-backup-") as trial:
        done = await rebuild(folder / DATA, Path(trial) / DATA, manifest=manifest, keys=keys, open_on=open_on)
    return manifest, done


def checked(folder: Path, *, keys: Path | None, ring: KeyRing) -> Manifest:
    """Hold a backup against its manifest, and the keys against what is beside it; raises what is wrong first."""
    manifest = read_manifest(folder, keys=ring)
    for wrong in _faults(folder, manifest):
        raise Misconfigured(f"the backup {folder} is damaged: {wrong}")
    if keys is not None:
        made = bundle.check_bundle(keys, keys=ring).created_at
        newest = max([manifest.created_at, *_beside(folder, ring)])
        if made < newest:
            raise Misconfigured(
                f"the keys {keys} are of {made:{_TIME}}, and there are data of {newest:{_TIME}}: take the newest keys, "
                "or who was erased since would come back"
            )
    return manifest


def _faults(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Say what is wrong, the simplest first: what follows would stumble over it."""
    for name, written in manifest.files.items():
        if not (folder / name).is_file():
            yield f"{name} is missing"
        elif described(folder / name) != written:
            yield f"{name} is not as it was written"
    if broken := what_is_broken(folder / DATA):
        yield f"{DATA}: {broken}"
    yield from _differences(look(folder / DATA), manifest)


def _differences(found: Found, manifest: Manifest) -> Iterator[str]:
    for table in sorted(manifest.rows.keys() | found.rows.keys()):
        there, said = found.rows.get(table), manifest.rows.get(table)
        if there != said:
            yield f"{table} has {there} rows, not {said}"
        elif there and table in LEFT_OUT:
            yield f"it holds rows of {table}"
    if found.heads != manifest.heads:
        yield "the logs end elsewhere"
    if found.migration != manifest.migration or not knows(found.migration):
        yield f"its schema {found.migration} is not known to this version"


def _beside(folder: Path, ring: KeyRing) -> Iterator[datetime]:
    """Yield of when the other backups in the same place are."""
    for other in folder.absolute().parent.iterdir():
        if other.is_dir() and not other.name.startswith("."):
            try:
                yield read_manifest(other, keys=ring).created_at
            except Misconfigured:
                continue
