"""What the kills must catch, planted into the process that is killed."""

from __future__ import annotations

import pytest

from tests.faults import killed_postgres, killed_service
from tests.faults.ground import Ground


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        ("acknowledged_before_commit", "lost"),
        ("events_skipped", "event of"),
        ("keys_forgotten", "key of"),
    ],
)
def test_kills_find_planted_faults(ground: Ground, plant: str, says: str) -> None:
    """An answer before the commit, a form without its event, or its key: found within four kills."""
    counts = killed_service.run(ground, seed=1, cycles=4, each=10, plant=f"tests.faults.planted:{plant}")
    assert counts.wrong > 0
    assert any(one.startswith(says) for one in counts.says), counts.says


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        ("acknowledged_long_before_commit", "lost"),
        ("never_connected_again", "not ready 1 s after PostgreSQL was, kill 1"),
    ],
)
def test_kills_of_postgresql_find_planted_faults(ground: Ground, plant: str, says: str) -> None:
    """An answer before the commit, and a service that does not come back by itself: found by one kill.

    The kill follows an answer at once, so that no luck is in it.
    """
    if ground.database == "sqlite":
        return  # has no server
    counts = killed_postgres.run(ground, seed=1, cycles=1, each=6, within=1, plant=f"tests.faults.planted:{plant}")
    assert any(one.startswith(says) for one in counts.says), counts.says
