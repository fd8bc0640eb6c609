"""A backup in a process of its own that kills itself at a point, to see what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import app.backup.create as module
from app.access.administer import list_organisations
from app.storage.database import parse_url
from app.storage.runtime import open_runtime


def die(*_: object, **__: object) -> None:
    """End at once, as a loss of power does for a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(name: str, *, call: int = 1) -> None:
    """Die instead of a function's nth call."""
    real: Callable[..., Any] = getattr(module, name)
    calls = iter(range(1, 100))
    setattr(module, name, lambda *args, **kwargs: die() if next(calls) == call else real(*args, **kwargs))


#: While the file is copied; before the keys are taken out of it; before it is described; before the keys have their
#: name; and when the keys have theirs and the data don't.
POINTS: dict[str, Callable[[], None]] = {
    "copying": lambda: None,
    "copied": lambda: before("copy_without"),
    "without_keys": lambda: before("look"),
    "written": lambda: before("put"),
    "half_named": lambda: before("put", call=2),
}


async def main(url: str, secrets: Path, to: Path, point: str) -> None:
    """Begin a backup."""
    POINTS[point]()
    runtime = open_runtime(database_url=url, secrets_dir=secrets, make_secrets=False)
    await module.create(
        runtime,
        database=Path(str(parse_url(url).database)),
        to=to,
        keys=to / "keys-latest",
        organisations=[row.organisation_id for row in await list_organisations(runtime)],
        on_progress=die if point == "copying" else lambda _done, _all: None,
        pages=8,
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]))
