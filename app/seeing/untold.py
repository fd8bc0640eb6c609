"""Work that leaves no count, no time and no gauge: whoever reads the metrics must not learn that it was done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_UNTOLD: Final = ContextVar("untold", default=False)


def is_untold() -> bool:
    """Say whether what runs now is told by nothing; tasks that it begins are not told either."""
    return _UNTOLD.get()


@contextmanager
def untold(*, when: bool = True) -> Iterator[None]:
    """Tell nothing of what is done inside, where that is so."""
    before = _UNTOLD.set(when or _UNTOLD.get())
    try:
        yield
    finally:
        _UNTOLD.reset(before)
