"""Run harnesses in rounds: whichever has had the least of its share of the time is next."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from tests.faults.counts import Counts
from tests.faults.ground import Ground, Kind
from tests.faults.progress import Progress
from tests.faults.registry import Harness
from tests.faults.seedbed import Seedbed
from tests.harness import start_postgres


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A harness on one of its databases."""

    harness: Harness
    database: Kind

    @property
    def name(self) -> str:
        """Its name in the progress and in the report."""
        return f"{self.harness.name}/{self.database}"


def lanes_of(harnesses: Sequence[Harness]) -> list[Lane]:
    """List the harnesses on each of their databases."""
    return [Lane(harness=one, database=database) for one in harnesses for database in one.databases]


def run_rounds(lanes: Sequence[Lane], progress: Progress, *, seconds: float, kept: Callable[[], None]) -> None:
    """Run rounds until the time is up or every long form is through; `kept` is called after each of them."""
    end = time.monotonic() + seconds
    with grounds() as ground_of:
        while time.monotonic() < end:
            left = [lane for lane in lanes if not lane.harness.reached(progress.of(lane.harness.name, lane.database))]
            if not left:
                return
            lane = min(left, key=lambda one: _spent(one, progress))
            counts = one_round(lane, progress, ground_of(lane.database))
            progress.of(lane.harness.name, lane.database).add(counts)
            kept()
            say(f"{lane.name}: {progress.of(lane.harness.name, lane.database).line()}")


def one_round(lane: Lane, progress: Progress, ground: Ground) -> Counts:
    """Run one round from a seed of its own; a harness that breaks is a fault."""
    number = progress.of(lane.harness.name, lane.database).rounds
    seed = seed_of(progress.seed, lane.name, number)
    begun = time.monotonic()
    try:
        counts = lane.harness.run(ground, seed=seed, cycles=lane.harness.round, **lane.harness.thorough)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the other harnesses go on
        counts = Counts()
        counts.found([f"round {number} from seed {seed} ended with {type(error).__name__}: {error}"[:400]])
    counts.rounds = 1
    counts.seconds = time.monotonic() - begun
    return counts


def seed_of(seed: int, lane: str, number: int) -> int:
    """Make the seed of a round out of the run's own."""
    return int.from_bytes(hashlib.sha256(f"{seed} {lane} {number}".encode()).digest()[:4])


def _spent(lane: Lane, progress: Progress) -> float:
    return progress.of(lane.harness.name, lane.database).seconds / lane.harness.share


@contextmanager
def grounds() -> Iterator[Callable[[Kind], Ground]]:
    """Start what rounds need; every round gets a folder that is emptied after it."""
    with (
        tempfile.TemporaryDirectory(prefix="alliance-soak-") as folder,
        start_postgres(_made(Path(folder) / "postgres")) as postgres_url,
        start_blocking_portal("asyncio") as portal,
    ):
        Path(folder).chmod(0o755)
        seedbed = Seedbed()
        try:
            yield lambda kind: Ground(
                database=kind,
                postgres_url=postgres_url,
                folder=Path(folder) / "rounds",
                portal=portal,
                seedbed=seedbed,
            )
        finally:
            seedbed.close()


def _made(folder: Path) -> Path:
    folder.parent.chmod(0o755)
    folder.mkdir()
    return folder


def say(line: str) -> None:
    """Say how it goes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
