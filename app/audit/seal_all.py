"""Seal what is not sealed yet: at once, or a moment after it was written."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from uuid import UUID

from app.errors import AllianceError
from app.seeing.logs import log
from app.seeing.untold import untold
from app.storage.runtime import Runtime
from app.storage.seal import PORTION, begin, is_all_sealed, seal

#: Entries of a second are sealed together: each seal is a transaction of its own.
PAUSE: Final = 1.0
#: So many portions of one organisation are sealed before it is the next one's turn.
TURN: Final = 5


async def seal_all(runtime: Runtime, *, organisation: UUID, portions: int | None = None) -> int:
    """Seal an organisation's entries to the end, or some portions of them; return how many they were."""
    sealed = 0
    while portions is None or portions > 0:
        if await runtime.database.read(
            lambda c: is_all_sealed(c, organisation=organisation), organisation=organisation
        ):
            break
        sealed += await runtime.database.write(
            lambda c: seal(c, runtime, organisation=organisation), organisation=organisation
        )
        portions = None if portions is None else portions - 1
    return sealed


async def begin_log(runtime: Runtime, *, organisation: UUID) -> None:
    """Let the log of an organisation from before there were links go on with links."""
    await runtime.database.write(lambda c: begin(c, runtime, organisation=organisation), organisation=organisation)


class Sealer:
    """The task of a service that seals the organisations it wrote for; untold, for it seals what untold requests wrote.

    What it does not get to is sealed by the next one: by another worker, by a reader of changes, or by the operator.
    """

    def __init__(self, runtime: Runtime, *, pause: float = PAUSE) -> None:
        self._runtime = runtime
        self._pause = pause
        self._waiting: dict[UUID, None] = {}
        self._woken = asyncio.Event()
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note(self, *, organisation: UUID) -> None:
        """Remember that something of an organisation may not be sealed."""
        self._waiting[organisation] = None
        self._woken.set()

    def start(self) -> None:
        """Begin to work, in the loop that runs."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Finish what is under way, seal once more what waits, and end."""
        self._ending.set()
        self._woken.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        with untold():
            while not self._ending.is_set():
                await self._woken.wait()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), self._pause)
                self._woken.clear()
                await self._round()
            await self._round()

    async def _round(self) -> None:
        """Seal for each organisation that waits; who has more than its turn, or met a fault, waits again."""
        waiting, self._waiting = self._waiting, {}
        for organisation in waiting:
            try:
                sealed = await seal_all(self._runtime, organisation=organisation, portions=TURN)
            except Exception as error:  # noqa: BLE001 - nothing is lost, and whoever stops here stops for good
                if not isinstance(error, AllianceError):  # else the database is busy or away
                    log.warning("sealing_failed", error=type(error).__name__, organisation_id=organisation)
                self.note(organisation=organisation)
                continue
            if sealed >= TURN * PORTION:
                self.note(organisation=organisation)
