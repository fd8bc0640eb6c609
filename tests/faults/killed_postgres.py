"""SIGKILL of PostgreSQL itself, postmaster and backends, under senders that retry: the service goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import httpx

from app.errors import StorageUnavailable
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.faults.kill_harness import run_kills
from tests.faults.killed_service import SENDERS, accounted
from tests.faults.own_postgres import OwnPostgres, own_postgres
from tests.faults.running import RunningService
from tests.harness import Clinic

#: The service must be ready again within so long, from when PostgreSQL takes connections again: its own recovery is its
#: own. It takes less than half a second on a busy machine, so that no noise comes near.
READY = 10.0


def run(ground: Ground, *, seed: int, cycles: int, each: int = 20) -> Counts:
    """Kill a PostgreSQL of its own `cycles` times, `each` forms apart."""
    with own_postgres() as server:
        return killed(ground, server, seed=seed, cycles=cycles, each=each)


def killed(
    ground: Ground,
    server: OwnPostgres,
    *,
    seed: int,
    cycles: int,
    each: int,
    within: float = READY,
    plant: str | None = None,
) -> Counts:
    """Kill a PostgreSQL under a service, which is never restarted where it is ready in time."""
    whole: list[float] = []
    ready: list[float] = []
    late: list[str] = []
    own = replace(ground, postgres_url=server.url)
    with own.apart(plant=plant) as (running, clinic):

        def strike() -> None:
            begun = time.monotonic()
            server.kill()
            server.restart()
            accepted = time.monotonic()
            if not _ready(running, until=accepted + within):
                late.append(f"not ready {within:g} s after PostgreSQL was, kill {len(whole) + 1}")
                running.kill()  # with what it takes to count what came of the forms
                running.start()
            ready.append(time.monotonic() - accepted)
            whole.append(time.monotonic() - begun)

        tally = run_kills(running, clinic.api_key, seed=seed, cycles=cycles, senders=SENDERS, each=each, strike=strike)
        _wake(clinic)
        counts = accounted(clinic, tally)
    counts.found(late)
    counts.samples["ready_after_seconds"] = ready
    counts.samples["ready_after_kill_seconds"] = whole
    counts.told["ready_too_late"] = len(late)
    return counts


def _ready(running: RunningService, *, until: float) -> bool:
    """Wait until the service says that it is ready, or the time is up."""
    with httpx.Client(base_url=running.url, timeout=2) as http:
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if http.get("/readyz").status_code == 200:
                    return True
            time.sleep(0.01)
    return False


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
