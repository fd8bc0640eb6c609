"""SIGKILL of PostgreSQL itself, postmaster and backends, under senders that retry: the service goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from app.errors import StorageUnavailable
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.faults.kill_harness import run_kills
from tests.faults.killed_service import SENDERS, accounted
from tests.faults.own_postgres import own_postgres
from tests.harness import Clinic

#: The service should be ready again within so long.
READY = 10.0


def run(ground: Ground, *, seed: int, cycles: int, each: int = 20, plant: str | None = None) -> Counts:
    """Kill PostgreSQL `cycles` times, `each` forms apart; the service itself is never restarted."""
    ready: list[float] = []
    with own_postgres() as server:
        own = replace(ground, postgres_url=server.url)
        with own.apart(plant=plant) as (running, clinic):

            def strike() -> None:
                begun = time.monotonic()
                server.kill()
                server.restart()
                running.wait()
                ready.append(time.monotonic() - begun)

            tally = run_kills(
                running, clinic.api_key, seed=seed, cycles=cycles, senders=SENDERS, each=each, strike=strike
            )
            _wake(clinic)
            counts = accounted(clinic, tally)
    counts.samples["ready_after_seconds"] = ready
    counts.told["ready_too_late"] = sum(one > READY for one in ready)
    return counts


def _wake(clinic: Clinic) -> None:
    """Let this process notice that its own connections died with the server."""
    looks: tuple[Callable[[], object], ...] = (
        lambda: clinic.count("submissions"),
        lambda: clinic.service.in_service(lambda _: None),
    )
    for look in looks:
        for _ in range(40):
            with suppress(StorageUnavailable):
                look()
                break
