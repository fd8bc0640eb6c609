"""Restore a backup: built beside its place, looked at, and only then given its name."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from app.backup.copy import has_rows, is_in_use
from app.backup.files import put
from app.backup.finish import Finished
from app.backup.manifest import DATA, Manifest
from app.backup.rebuild import OpenOn, rebuild
from app.backup.verify import checked
from app.errors import Misconfigured
from app.storage.keyring import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored, and what was done and found then."""

    manifest: Manifest
    done: Finished


async def restore(
    folder: Path, *, keys: Path, to: Path, ring: KeyRing, open_on: OpenOn, force: bool = False, anyway: bool = False
) -> Restored:
    """Restore data with the newest keys into a database file; one that holds rows is replaced only with `force`.

    What is as it was backed up, but not as it must be, is put in place only with `anyway`.
    """
    _may_be_replaced(to, force=force)
    manifest = await asyncio.to_thread(checked, folder, keys=keys, ring=ring)
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = to.with_name(f".{to.name}.restored")
    _clear(draft)
    try:
        done = await rebuild(folder / DATA, draft, manifest=manifest, keys=keys, open_on=open_on)
        if anyway or not done.wrong:
            _may_be_replaced(to, force=force)
            put(draft, to)
    finally:
        _clear(draft)
    return Restored(manifest=manifest, done=done)


def _clear(draft: Path) -> None:
    for left in draft.parent.glob(f"{draft.name}*"):
        left.unlink()


def _may_be_replaced(to: Path, *, force: bool) -> None:
    """Refuse to replace what somebody uses or what holds rows; nothing of an older file may stay beside the new one."""
    if not to.exists():
        if left := [str(one) for one in _beside(to) if one.exists()]:
            raise Misconfigured(
                f"{' and '.join(left)} is left of a database that is not there, and would be taken for a part of "
                "the new one: move it away"
            )
        return
    try:
        if not force and has_rows(to):
            raise Misconfigured(f"{to} holds rows: restore elsewhere, or add --force to lose them")
        if is_in_use(to):
            raise Misconfigured(f"{to} is in use: stop the service first")
    except sqlite3.DatabaseError as error:
        parts = ", ".join(one.name for one in _beside(to))
        raise Misconfigured(
            f"{to} can't be read ({error}): stop the service, and move it away with what is beside it ({parts})"
        ) from None


def _beside(to: Path) -> list[Path]:
    """Name the files that SQLite keeps beside a database while it is in use, and after it was killed."""
    return [to.with_name(to.name + ending) for ending in ("-wal", "-shm", "-journal")]
