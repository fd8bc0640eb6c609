"""The harnesses: one line adds one to `make test` (short), to `make soak` (long) and to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults import killed_service
from tests.faults.counts import Counts
from tests.faults.ground import Kind

BOTH: tuple[Kind, ...] = ("sqlite", "postgresql")


@dataclass(frozen=True, kw_only=True)
class Harness:
    """A way to look for one kind of fault.

    `run(ground, seed=, cycles=)` returns counts. The short form is one round of `short` cycles; the long form is rounds
    of `round` cycles, with `thorough` as further arguments, until `long` is reached: counts by name. Where the others
    take 1 part of the time, it takes `share`.
    """

    name: str
    says: str
    run: Callable[..., Counts]
    short: int
    round: int
    long: Mapping[str, int]
    databases: tuple[Kind, ...] = BOTH
    thorough: Mapping[str, Any] = field(default_factory=dict)
    share: int = 1

    def reached(self, counts: Counts) -> bool:
        """Say whether the long form is through."""
        return all(counts.reached(name) >= number for name, number in self.long.items())


HARNESSES: tuple[Harness, ...] = (
    Harness(
        name="killed_service",
        says="kill -9 of the service in mid-write, senders retrying the same keys",
        run=killed_service.run,
        short=25,
        round=10,
        long={"cycles": 1_000, "acknowledged": 100_000},
        thorough={"each": 110},
        share=3,
    ),
)
BY_NAME = {one.name: one for one in HARNESSES}
