"""What the last write met. A full disk refuses a form, and may still take the line that a probe writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Final
from uuid import UUID

from app.errors import StorageUnavailable, Trouble

#: For so many seconds a disk that was full is told, unless a write has succeeded since: then it is worth another try.
TOLD_FOR: Final = 30.0


class LastWrite:
    """Whether the database refused this process its last write, and since when that, or the opposite, is so."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._met: Trouble | None = None
        self._met_at = -inf

    @property
    def was_full(self) -> bool:
        """Say whether there was no room a short time ago."""
        return self._met == "full" and self._clock() - self._met_at <= TOLD_FOR

    def has_news_since(self, moment: float) -> bool:
        """Say whether a write was refused, or taken again, at this moment or later."""
        return self._met_at >= moment

    @contextmanager
    def noted(self, *, organisation: UUID | None) -> Iterator[None]:
        """Note how a write for an organisation ends; one for nobody is a probe's, which needs no room.

        What a write raises otherwise says nothing of the database.
        """
        try:
            yield
        except StorageUnavailable as error:
            if organisation is not None:
                self._met, self._met_at = error.reason, self._clock()
            raise
        if organisation is not None and self._met is not None:
            self._met, self._met_at = None, self._clock()
