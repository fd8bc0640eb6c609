"""Calls that arrive while one is under way share the next: one query, or one transaction, serves them all.

A call on an idle lane starts at once, so a lone caller waits for nobody. A call never joins work that had already begun
when it arrived: what it is answered with was read, or committed, after it came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from app.errors import AllianceError

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]


class Lane(Generic[Item, Result]):
    """One piece of work at a time, for all that wait."""

    def __init__(self, work: Work[Item, Result], *, most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Say whether nothing is under way and nobody waits."""
        return self._running is None and not self._waiting

    async def __call__(self, item: Item) -> Result:
        """Have an item worked on; a caller that goes away does not stop it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                shared = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                await self._serve(shared)
        finally:
            self._running = None

    async def _serve(self, shared: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in shared])
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait are told
            if len(shared) > 1 and not isinstance(error, AllianceError):
                for one in shared:  # an unforeseen fault of one must not spoil the others
                    await self._serve([one])
                return
            for _, future in shared:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(shared, results, strict=True):
            if not future.done():
                future.set_result(result)


class Lanes:
    """Lanes by name and organisation: organisations don't wait for each other. An idle lane is not kept."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, UUID], Lane[Any, Any]] = {}

    async def run(self, name: str, item: Item, work: Work[Item, Result], *, organisation: UUID, most: int) -> Result:
        """Have an item worked on; everybody who uses a name brings the same work."""
        key = (name, organisation)
        lane: Lane[Item, Result] = self._lanes.setdefault(key, Lane(work, most=most))
        try:
            return await lane(item)
        finally:
            if lane.is_idle:
                self._lanes.pop(key, None)
