"""Whether the secrets are such that nobody else has them or guesses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from stat import S_IROTH, S_IWOTH
from typing import Final

from app.storage.made_here import MARK, made_by_development, secret_files

#: Of 32 random bytes about 30 are different; so few are no accident.
_DIFFERENT: Final = 16


def what_is_unsafe(folder: Path) -> list[str]:
    """Say of each secret in a folder what is unsafe about it."""
    made = made_by_development(folder)
    said = [f"development has made {', '.join(made)}: make others, or see {MARK} in docs/operators.md"] if made else []
    for path in secret_files(folder):
        name = path.relative_to(folder)
        if path.stat().st_mode & (S_IROTH | S_IWOTH):
            said.append(f"{name} can be read by everybody on this machine: chmod 600")
        if any(len(set(secret)) < _DIFFERENT for secret in _secrets(path)):
            said.append(f"{name} is no random secret: make another one")
    return said


def _secrets(path: Path) -> Iterator[bytes]:
    """Read the secrets of a file; keys that sign are made by the library, and are no text of this kind."""
    if path.suffix == ".json":
        return
    try:
        yield from (bytes.fromhex(line) for line in path.read_text("ascii").split())
    except (OSError, ValueError):
        return  # others say so
