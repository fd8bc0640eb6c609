"""Which secrets development has made: for trying out, in a folder that nobody keeps safe, and not for production.

The file `made-by-development` beside them holds a digest of each. A secret that was put in its place is another one;
and who takes over a database that rests on them, and knows that nobody else had them, removes the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from app.errors import Misconfigured

MARK: Final = "made-by-development"


def mark_made(folder: Path, text: str) -> None:
    """Note that development has made a secret, before it is there: a mark without its secret does no harm."""
    descriptor = os.open(folder / MARK, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a") as file:
        file.write(f"{_digest(text)}\n")


def secret_files(folder: Path) -> Iterator[Path]:
    """List the files that hold secrets."""
    for path in sorted([*folder.glob("*"), *folder.glob("signing/*.json")]):
        if path.is_file() and path.name != MARK and not path.name.startswith("."):
            yield path


def made_by_development(folder: Path) -> list[str]:
    """Name the secrets of a folder that development has made."""
    try:
        marked = set((folder / MARK).read_text("ascii").split())
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        raise Misconfigured(f"the file {MARK} beside the secrets can't be read") from None
    return [str(path.relative_to(folder)) for path in secret_files(folder) if not marked.isdisjoint(_digests(path))]


def check_not_made(folder: Path) -> None:
    """Refuse secrets that development has made."""
    if made := made_by_development(folder):
        raise Misconfigured(
            f"development has made these secrets: {', '.join(made)}. Production needs its own, made as in "
            "docs/operators.md and kept apart; the database that rests on these does not open with others. If it is to "
            f"be kept, and nobody else had them, remove the file {MARK} beside them"
        )


def _digests(path: Path) -> set[str]:
    """Digest each line: the file of the master key has several, and the first one is new after a rotation."""
    try:
        return {_digest(line) for line in path.read_text("utf-8").splitlines()}
    except (OSError, ValueError):
        return set()


def _digest(text: str) -> str:
    return sha256(b"made by development|" + text.strip().encode()).hexdigest()[:32]
