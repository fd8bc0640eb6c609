"""The second wall alone: statements without their organisation, as the service's login bound to one of two.

The service is probed through HTTP with the criterion cut out of every statement, and each tenant table directly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from random import Random
from typing import Any

from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.exc import DBAPIError

from app.storage.tables import metadata
from tests.faults.counts import Counts
from tests.faults.foreign_ids import Sides, probe
from tests.faults.ground import Ground
from tests.faults.pictures import changed, picture
from tests.harness import Service

_CRITERION = re.compile(r"((?:\w+\.)?organisation_id = (?:\$\d+::UUID|\w+\.organisation_id))")
#: What PostgreSQL answers where row-level security or a missing right refuses.
_REFUSED = "42501"
#: Each may touch no row, or be refused: without a criterion, about the other's rows, or towards the other.
_TRIED = {
    "updated": "UPDATE {table} SET {column} = {column} WHERE organisation_id = :other",
    "deleted": "DELETE FROM {table} WHERE organisation_id = :other",
    "given away": "UPDATE {table} SET organisation_id = :other",
    "inserted": "INSERT INTO {table} (organisation_id) VALUES (:other)",
}
_WAYS = ("read", "read unbound", *_TRIED)


def run(ground: Ground, *, seed: int, cycles: int) -> Counts:
    """Send half of the probes through HTTP, and half to the tables, but each way to each table once at least."""
    with ground.service() as service:
        return walled(service, Random(seed), cycles=cycles)


def walled(service: Service, dice: Random, *, cycles: int) -> Counts:
    """Probe, and compare the other organisation's rows with what they were."""
    sides = Sides.made(service)
    with criterion_removed(service) as cut:
        counts = probe(sides, dice, cycles=cycles // 2)  # looks at the other's rows itself
    before = picture(sides.other)
    counts.told["criteria_cut"] = len(cut)
    counts.told["refused"] = 0
    tries = list(product(sorted(metadata.tables), _WAYS))
    dice.shuffle(tries)
    # In the short form, too, each table is tried in each way at least once: one hole is enough.
    for number in range(max(len(tries), cycles - cycles // 2)):
        counts.cycles += 1
        counts.found(_direct(sides, counts, *tries[number % len(tries)]), kind="foreign")
    after = picture(sides.other)
    counts.found([f"foreign: rows of {name} changed" for name in changed(before, after)], kind="foreign")
    counts.rows = sum(rows.total() for rows in after.values())
    return counts


@contextmanager
def criterion_removed(service: Service) -> Iterator[list[int]]:
    """Cut the organisation out of every statement: what is compared with one is true of any."""
    database: Any = service.runtime.database
    cut: list[int] = []

    def before(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> tuple[str, Any]:
        without, number = _CRITERION.subn(r"(\1 OR true)", statement)
        if number:
            cut.append(number)
        return without, parameters

    event.listen(database._engine.sync_engine, "before_cursor_execute", before, retval=True)
    try:
        yield cut
    finally:
        event.remove(database._engine.sync_engine, "before_cursor_execute", before)


def _direct(sides: Sides, counts: Counts, name: str, tried: str) -> list[str]:
    """Try one thing with a table, bound to one's own organisation; reading bound to nobody is tried too."""
    if tried in _TRIED:
        return _written(sides, counts, name, tried)
    table = metadata.tables[name]
    query = select(table.c.organisation_id, func.count()).group_by(table.c.organisation_id)
    bound = None if tried == "read unbound" else sides.own.organisation
    seen = sides.own.service.in_service(lambda c: {row[0] for row in c.execute(query)}, organisation=bound)
    return [f"foreign: {name} {tried}"] if seen - {bound} else []


def _written(sides: Sides, counts: Counts, name: str, tried: str) -> list[str]:
    column = "sequence" if name == "events" else "organisation_id"
    statement = text(_TRIED[tried].format(table=name, column=column))

    def work(connection: Connection) -> int:
        return connection.execute(statement, {"other": sides.other.organisation}).rowcount

    try:
        touched = sides.own.service.in_service(work, organisation=sides.own.organisation)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _REFUSED:
            counts.told["refused"] += 1
            return []
        return [f"foreign: {name} {tried}, but for another rule"]
    return [f"foreign: {name} {tried}"] if touched else []
