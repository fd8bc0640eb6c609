"""One flight for each idempotency key: duplicates inside a worker wait here, before they take a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from app.errors import KeyInProgress


class Flights:
    """Locks by key, made when wanted and dropped with their last waiter."""

    def __init__(self, *, patience: float = 5.0) -> None:
        self._locks: dict[bytes, tuple[asyncio.Lock, int]] = {}
        self._patience = patience

    @asynccontextmanager
    async def hold(self, keys: Iterable[bytes]) -> AsyncIterator[None]:
        """Hold all the keys, taken in order; KeyInProgress when one is not free in time."""
        held: list[bytes] = []
        try:
            for key in sorted(set(keys)):
                await self._take(key)
                held.append(key)
            yield
        finally:
            for key in held:
                self._locks[key][0].release()
                self._forget(key)

    async def _take(self, key: bytes) -> None:
        lock, waiting = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, waiting + 1)
        if not waiting:
            await lock.acquire()  # it is free: nobody holds it and nobody waits
            return
        try:
            async with asyncio.timeout(self._patience):
                await lock.acquire()
        except BaseException as error:
            self._forget(key)
            if isinstance(error, TimeoutError):
                raise KeyInProgress from None
            raise

    def _forget(self, key: bytes) -> None:
        lock, waiting = self._locks[key]
        if waiting == 1:
            del self._locks[key]
        else:
            self._locks[key] = (lock, waiting - 1)
