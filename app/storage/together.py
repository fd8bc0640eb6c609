"""Calls that arrive while one is under way share the next: one query, or one transaction, serves them all.

A call on an idle lane starts at once, so a lone caller waits for nobody. A call never joins work that had already begun
when it arrived: what it is answered with was read, or committed, after it came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from app.errors import StorageUnavailable
from app.seeing.metrics import waiting_in
from app.seeing.traces import part
from app.seeing.untold import is_untold, untold

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Generic[Item, Result]):
    """What one caller wants and waits for, and whether it is told that it did."""

    item: Item
    future: asyncio.Future[Result]
    is_untold: bool


class Lane(Generic[Item, Result]):
    """One piece of work at a time, for all that wait."""

    def __init__(
        self, work: Work[Item, Result], *, most: int, weigh: Callable[[Item], int], when_idle: Callable[[], object]
    ) -> None:
        self._work = work
        self._when_idle = when_idle
        self._most = most
        self._weigh = weigh
        self._waiting: deque[_Call[Item, Result]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Have an item worked on; a caller that goes away does not stop it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(item=item, future=future, is_untold=is_untold()))
        if self._running is None:
            # The work is everybody's who waits: it belongs to no caller's trace.
            self._running = asyncio.create_task(self._run(), context=Context())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._serve(self._next())
        finally:
            self._when_idle()  # nothing waits now: whoever comes next makes a new lane

    def _next(self) -> list[_Call[Item, Result]]:
        """Take from those that wait, in order, as many as may share the work; a heavy one goes alone."""
        shared = [self._waiting.popleft()]
        weight = self._weigh(shared[0].item)
        while self._waiting and (weight := weight + self._weigh(self._waiting[0].item)) <= self._most:
            shared.append(self._waiting.popleft())
        return shared

    async def _serve(self, shared: list[_Call[Item, Result]]) -> None:
        try:
            # Without those that aren't told there would be this work all the same, unless it is for nobody else.
            with untold(when=all(one.is_untold for one in shared)):
                results = await self._work([one.item for one in shared])
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait are told
            if len(shared) > 1 and not isinstance(error, StorageUnavailable):
                # Each for itself: what one of them met (a lock, a fault unforeseen) must not be told to the others.
                await asyncio.gather(*(self._serve([one]) for one in shared))
                return
            for one in shared:
                if not one.future.done():
                    one.future.set_exception(error)
            return
        for one, result in zip(shared, results, strict=True):
            if not one.future.done():
                one.future.set_result(result)


class Lanes:
    """Lanes by name and organisation: organisations don't wait for each other. An idle lane is not kept."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, UUID], Lane[Any, Any]] = {}

    async def run(
        self,
        name: str,
        item: Item,
        work: Work[Item, Result],
        *,
        organisation: UUID,
        most: int,
        weigh: Callable[[Item], int] = lambda _: 1,
    ) -> Result:
        """Have an item worked on, with others of up to `most` in weight; a name always brings the same work."""
        key = (name, organisation)
        lane: Lane[Item, Result] | None = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(work, most=most, weigh=weigh, when_idle=partial(self._lanes.pop, key))
        with waiting_in(name), part(f"wait {name}"):
            return await lane(item)
