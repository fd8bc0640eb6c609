"""A 404 takes as long for what others have as for what nobody has: what the comparison must and must not find."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from tests.faults import foreign_ids
from tests.faults.alike_in_time import compared
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.harness import Service


@contextmanager
def late(service: Service, client_id: str) -> Iterator[None]:
    """Let the database take 5 ms more for what is about a client, as one would that finds it and then looks whose."""
    opened: Any = service.runtime.database
    engines = [opened._engine.sync_engine] if opened.name == "postgresql" else [opened._reading, opened._writing]
    meant = client_id, UUID(client_id).hex

    def before(_c: Any, _cursor: Any, _statement: str, parameters: Any, *_rest: Any) -> None:
        if any(one in str(parameters) for one in meant):
            time.sleep(0.005)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", before)
    yield
    for engine in engines:
        event.remove(engine, "before_cursor_execute", before)


def test_probes_find_ids_that_are_there_by_their_time(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """5 ms more for the other's ids are found in the one operation that is asked, and counted as foreign."""
    with ground.service() as service:
        sides = foreign_ids.Sides.made(service)
        walk = [one for one in foreign_ids.walked(sides) if one.name == "GET /v1/clients/{client_id}/progress"]
        monkeypatch.setattr(foreign_ids, "walked", lambda _: walk[:1])
        counts = Counts()
        with late(service, sides.foreign.client_id):
            foreign_ids.told_by_time(sides, Random(1), counts, probes=1)
    assert (counts.foreign, counts.told) == (1, {"timed_404": 1, "told_by_time": 1})


@pytest.mark.parametrize(
    ("more", "shows"), [(0.0, False), (0.1, False), (0.3, True), (-0.3, True)], ids=["alike", "a bit", "more", "less"]
)
def test_noise_is_no_difference(more: float, shows: bool) -> None:  # noqa: FBT001 - a case of the table
    """Under noise that makes half of the answers take up to five times as long, only a real difference shows."""
    noise = Random(7)

    def ask(usual: float) -> float:
        return usual * (1 + 0.05 * noise.random()) * (1 if noise.random() < 0.5 else 1 + 4 * noise.random())

    assert compared(lambda: ask(1 + more), lambda: ask(1)).shows is shows


def test_one_block_that_differs_is_no_difference() -> None:
    """What is seen once and not again was the machine; it is asked no further."""
    turns = count()
    difference = compared(lambda: 2.0 if next(turns) < 40 else 1.0, lambda: 1.0)
    assert (difference.parts, difference.shows, next(turns)) == ([1.0, 0.0], False, 80)
