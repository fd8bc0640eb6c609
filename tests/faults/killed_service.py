"""kill -9 of the service in mid-write, under senders that retry the same keys.

A kill does not simulate a loss of power: the page cache survives it. What reaches the disk is checked by `durable`.
"""

from __future__ import annotations

from tests.faults.accounting import faults
from tests.faults.counts import Counts
from tests.faults.durable import unflushed
from tests.faults.ground import Ground
from tests.faults.kill_harness import Tally, run_kills
from tests.harness import Clinic

SENDERS = 6


def run(ground: Ground, *, seed: int, cycles: int, each: int = 20, plant: str | None = None) -> Counts:
    """Kill and restart the service `cycles` times, `each` forms apart, and account for every form."""
    with ground.apart(plant=plant) as (running, clinic):
        tally = run_kills(running, clinic.api_key, seed=seed, cycles=cycles, senders=SENDERS, each=each)
        return accounted(clinic, tally)


def accounted(clinic: Clinic, tally: Tally) -> Counts:
    """Account for what the senders were told; the service must be running again."""
    counts = Counts(
        cycles=tally.cycles,
        acknowledged=len(tally.acknowledged),
        rows=clinic.count("submissions"),
        told={"struck": tally.struck, "committed_unanswered": tally.answers_lost},
    )
    counts.found(clinic.service.read(lambda c: faults(c, tally.acknowledged, organisation=clinic.organisation)))
    counts.found(tally.wrong)
    counts.found(unflushed(clinic.service))
    twice = counts.acknowledged - len(set(tally.acknowledged))
    counts.found([f"doubled: {twice} ids told twice"] * (twice > 0))
    if not tally.wrong:
        counts.found(tally.wrong_replays(), kind="wrong_replays")
        more = clinic.count("submissions") - counts.rows
        counts.found([f"doubled: {more} rows more after the replays"] * (more > 0))
        strangers = counts.rows - len(set(tally.acknowledged))
        counts.found([f"{strangers} rows that nobody was told of"] * (strangers > 0))
    return counts
