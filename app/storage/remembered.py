"""What was worked out a moment ago and holds until a given time, in a dictionary that does not grow."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by the digest of what they were worked out from; the oldest makes room."""

    def __init__(self, *, most: int = 4096) -> None:
        self._most = most
        self._values: dict[bytes, tuple[datetime, Value]] = {}

    def get(self, digest: bytes, *, now: datetime) -> Value | None:
        """Return a value that still holds."""
        found = self._values.get(digest)
        if found is None:
            return None
        until, value = found
        if now < until:
            return value
        del self._values[digest]
        return None

    def put(self, digest: bytes, value: Value, *, until: datetime) -> None:
        """Keep a value until a time."""
        if len(self._values) >= self._most:
            del self._values[next(iter(self._values))]
        self._values[digest] = (until, value)
