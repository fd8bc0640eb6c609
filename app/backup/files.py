"""Files that only their owner reads, and that are on the disk when they are said to be."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO, Final

from app.errors import Misconfigured

#: What begins so was not finished, whatever stands in it.
DRAFT: Final = ".draft-"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def make_private(path: Path) -> Path:
    """Make an empty file that only its owner reads, for a library that would make it readable to others."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    return path


@contextmanager
def write_private(path: Path) -> Iterator[BinaryIO]:
    """Write a file that only its owner reads; it is on the disk at the end."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def flush(path: Path) -> None:
    """Bring what a file or a folder holds to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(draft: Path, target: Path) -> None:
    """Give a draft its name, in one step, and bring the name to the disk."""
    draft.replace(target)
    flush(target.parent)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Keep others from what a file stands for, which stays behind."""
    lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(f"another backup into {lock.parent} is under way") from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others from writing backups into a folder; what one that was killed left behind is removed."""
    with held(folder / ".lock"):
        _clear(folder)
        try:
            yield
        finally:
            _clear(folder)


def _clear(folder: Path) -> None:
    for left in folder.glob(f"{DRAFT}*"):
        shutil.rmtree(left)
