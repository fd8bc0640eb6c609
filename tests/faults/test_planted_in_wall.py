"""What the harness of the second wall must catch."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest
from sqlalchemy import Connection, text

from tests.faults import wall
from tests.faults.foreign_ids import Sides, probe
from tests.faults.ground import Ground

HOLES = {
    "no wall around a table": "ALTER TABLE submissions DISABLE ROW LEVEL SECURITY",
    "a policy that lets everybody through": "CREATE POLICY open ON signals USING (true)",
    "a policy that lets everything out": "CREATE POLICY open ON clients FOR INSERT WITH CHECK (true)",
}


@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_a_hole_in_the_wall_is_found(ground: Ground, hole: str) -> None:
    """One table is enough, read or written."""
    if ground.database == "sqlite":
        return  # has no second wall
    with ground.service() as service:
        service.write(lambda c: c.execute(text(hole)).close())
        assert wall.walled(service, Random(3), cycles=2).foreign > 0


def opened(connection: Connection, *, table: str) -> None:
    """Take the wall from around a table."""
    connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))


def test_a_hole_shows_through_the_service_too(ground: Ground) -> None:
    """With the criterion cut out, what keeps two clinics apart in the answers is the wall."""
    if ground.database == "sqlite":
        return
    with ground.service() as service:
        sides = Sides.made(service)
        with wall.criterion_removed(service):
            assert probe(sides, Random(1), cycles=60).wrong == 0
            for table in ("submissions", "scores", "clients", "episodes"):
                service.write(partial(opened, table=table))
            assert probe(sides, Random(1), cycles=60).foreign > 0
