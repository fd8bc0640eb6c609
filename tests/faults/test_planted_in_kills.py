"""What the kills must catch, planted into the process that is killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import killed_postgres
from tests.faults.ground import Ground
from tests.faults.kill_harness import run_kills
from tests.faults.killed_service import SENDERS, accounted
from tests.faults.own_postgres import OwnPostgres, own_postgres


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        ("acknowledged_before_commit", "lost"),
        ("events_skipped", "event of"),
        ("keys_forgotten", "key of"),
    ],
)
def test_kills_find_planted_faults(ground: Ground, plant: str, says: str) -> None:
    """An answer before the commit, a form without its event, or its key: found by one kill after one answer.

    None of them is left to a race: what was answered before the commit would be committed long after the kill. The
    service that is started again has no fault, so that all that is wrong is from before.
    """
    with ground.apart(plant=f"tests.faults.planted:{plant}") as (running, clinic):

        def strike() -> None:
            running.kill()
            running.plant = None
            running.start()

        tally = run_kills(running, clinic.api_key, seed=1, cycles=1, senders=SENDERS, each=1, strike=strike)
        counts = accounted(clinic, tally)
    assert counts.wrong > 0
    assert any(one.startswith(says) for one in counts.says), counts.says


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    """A PostgreSQL that may be killed, for both of them."""
    with own_postgres() as server:
        yield server


@pytest.mark.parametrize("ground", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("plant", "says"),
    [
        ("acknowledged_a_second_before_commit", "lost"),
        ("never_connected_again", "not ready 1 s after PostgreSQL was, kill 1"),
    ],
)
def test_kills_of_postgresql_find_planted_faults(ground: Ground, server: OwnPostgres, plant: str, says: str) -> None:
    """An answer before the commit, and a service that does not come back by itself: found by one kill.

    The kill follows an answer at once, so that no luck is in it.
    """
    plant = f"tests.faults.planted:{plant}"
    counts = killed_postgres.killed(ground, server, seed=1, cycles=1, each=1, within=1, plant=plant)
    assert any(one.startswith(says) for one in counts.says), counts.says
