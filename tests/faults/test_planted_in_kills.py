"""What the kills must catch, planted into the process that is killed."""

from __future__ import annotations

import pytest

from tests.faults import killed_service
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
