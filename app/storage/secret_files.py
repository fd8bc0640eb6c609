"""Files of secrets: on the disk when they are said to be, and readable to whom they were readable before."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import Final

from app.errors import Misconfigured

#: Whatever a file's mode was: what others may do is taken away.
_OTHERS: Final = 0o007
_PRIVATE: Final = 0o600


def write_secret(path: Path, text: str) -> None:
    """Write a file in one step: a reader, and a machine that loses its power, has the old one or the new one.

    An operator who is somebody else than the service, as root is, must not leave a file that the service can't read: it
    belongs to whom the one before belonged to, or else to the owner of the folder.
    """
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        before = path.stat() if path.exists() else None
        descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, _PRIVATE)
        with os.fdopen(descriptor, "w") as file:
            _give(descriptor, before or path.parent.stat())
            os.fchmod(descriptor, _PRIVATE if before is None else S_IMODE(before.st_mode) & ~_OTHERS)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
        _flush(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Misconfigured(f"the secret {path.name} can't be written ({error.strerror})") from None


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Let one process at a time change a file: what another adds between reading and writing would be lost."""
    try:
        descriptor = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise Misconfigured(f"the secret {path.name} can't be written ({error.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _give(descriptor: int, owner: os.stat_result) -> None:
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (owner.st_uid, owner.st_gid):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
