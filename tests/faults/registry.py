"""The harnesses: one line adds one to `make test` (short), to `make soak` (long) and to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults import (
    against_model,
    backups,
    bad_credentials,
    foreign_ids,
    fuzzing,
    killed_postgres,
    killed_service,
    one_key,
    sealing,
    sick_storage,
    struck_writes,
    tampering,
    wall,
)
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
    Harness(
        name="killed_postgres",
        says="SIGKILL of PostgreSQL, postmaster and backends, under a service that goes on",
        run=killed_postgres.run,
        short=5,
        round=10,
        long={"cycles": 200},
        databases=("postgresql",),
    ),
    Harness(
        name="against_model",
        says="sequences of 30 requests (long: 50) against a model in memory",
        run=against_model.run,
        short=16,
        round=100,
        long={"cycles": 20_000},
        thorough={"steps": 50},
    ),
    Harness(
        name="sick_storage",
        says="full, read-only, locked for a write's whole patience (long: 30 s), and a clock that is a day off",
        run=sick_storage.run,
        short=1,
        round=1,
        long={"cycles": 20},
        thorough={"times": 10},
    ),
    Harness(
        name="fuzzing",
        says="parsers under bytes of chance, guided by coverage",
        run=fuzzing.run,
        short=14_000,
        round=700_000,
        long={"cycles": 10_000_000},
        databases=("sqlite",),
        thorough={"targets": fuzzing.TARGETS},
    ),
    Harness(
        name="struck_writes",
        says="an error, a cut connection or a time-out at a database call of any write",
        run=struck_writes.run,
        short=30,
        round=200,
        long={"cycles": 2_000},
    ),
    Harness(
        name="one_key",
        says="one key from 32 threads at once, through two workers",
        run=one_key.run,
        short=25,
        round=200,
        long={"cycles": 10_000},
    ),
    Harness(
        name="foreign_ids",
        says="another organisation's ids and words in every place of every operation",
        run=foreign_ids.run,
        short=400,
        round=2_000,
        long={"cycles": 100_000},
        thorough={"timed": 10},
    ),
    Harness(
        name="wall",
        says="the same and every table, with the organisation cut out of every statement: the second wall alone",
        run=wall.run,
        short=500,
        round=2_000,
        long={"cycles": 10_000},
        databases=("postgresql",),
    ),
    Harness(
        name="bad_credentials",
        says="every operation with credentials that open nothing",
        run=bad_credentials.run,
        short=480,
        round=2_000,
        long={"cycles": 20_000},
    ),
    Harness(
        name="sealing",
        says="sealed values flipped, cut, swapped and moved; keys changed while the service writes",
        run=sealing.run,
        short=500,
        round=500,
        long={"cycles": 50_000},
        thorough={"between": 100},
    ),
    Harness(
        name="tampering",
        says="entries of the log flipped, deleted, reordered, cut off, added, by who may write to the tables",
        run=tampering.run,
        short=1_000,
        round=5_000,
        long={"cycles": 100_000},
    ),
    Harness(
        name="backups",
        says="a backup while forms come in, restored elsewhere and compared; damaged, it must be refused",
        run=backups.run,
        short=1,
        round=5,
        long={"rows": 1_000_000},
        databases=("sqlite",),
        thorough={"each": 400},
    ),
)
BY_NAME = {one.name: one for one in HARNESSES}
