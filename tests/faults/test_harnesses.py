"""The short form of every harness, on each database; `make soak` runs the long ones."""

from __future__ import annotations

import sys

import pytest

from tests.faults.ground import Ground
from tests.faults.registry import HARNESSES, Harness

SEED = 20261124


EACH = [(harness, database) for harness in HARNESSES for database in harness.databases]


@pytest.mark.parametrize(
    ("harness", "ground"), EACH, ids=[f"{harness.name}-{database}" for harness, database in EACH], indirect=["ground"]
)
def test_the_short_form_finds_nothing(harness: Harness, ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost, doubled, foreign or replayed wrongly, and as much was done as was to be done."""
    counts = harness.run(ground, seed=SEED, cycles=harness.short)
    with capsys.disabled():
        sys.stdout.write(f"\n{harness.name} on {ground.database}: seed {SEED}, {counts.line()}\n")
    assert counts.wrong == 0, counts.says
    assert counts.cycles >= harness.short
