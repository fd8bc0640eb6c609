"""Let callers share one transaction for certain, however quick the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Connection

from tests.harness import Clinic, form


def together(clinic: Clinic, calls: Sequence[Callable[[], httpx.Response]]) -> tuple[list[httpx.Response], int]:
    """Let calls wait while another form is being written, so that they share the next transaction.

    Returns the answers, and how often the database was asked to write from then on.
    """
    database = clinic.service.runtime.database
    write, written, go_on = database.write, 0, asyncio.Event()

    async def gated(work: Callable[[Connection], Any], *, organisation: UUID | None) -> Any:
        nonlocal written
        written += 1
        if written == 1:
            await asyncio.wait_for(go_on.wait(), 20)
        return await write(work, organisation=organisation)

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(len(calls) + 1) as pool:
        patched.setattr(database, "write", gated)
        first = pool.submit(clinic.post, form(client_ref="under way"))
        _until(clinic, lambda: written == 1)
        waiting = []
        for number, call in enumerate(calls, start=1):
            waiting.append(pool.submit(call))
            _until(clinic, partial(_has_queued, clinic, number))
        clinic.service.portal.call(go_on.set)
        answers = [one.result() for one in waiting]
        assert first.result().status_code == 201
    return answers, written - 1


def _until(clinic: Clinic, happened: Callable[[], bool]) -> None:
    async def wait() -> None:
        async with asyncio.timeout(20):
            while not happened():  # noqa: ASYNC110 - the code under test has no event for it
                await asyncio.sleep(0.002)

    clinic.service.portal.call(wait)


def _has_queued(clinic: Clinic, number: int) -> bool:
    lane = clinic.service.runtime.lanes._lanes["record", clinic.organisation]
    return len(lane._waiting) == number


def by_digest(clinic: Clinic, *references: str) -> list[str]:
    """Put clients' references into the order in which their forms are taken within a transaction."""
    keys = clinic.service.runtime.keys
    return sorted(
        references, key=lambda one: keys.reference("client", "", one, organisation=clinic.organisation).digest
    )
