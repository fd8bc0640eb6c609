"""A full, read-only or locked database, and a clock that is a day off: refused while it lasts, well by itself after.

A full disk is played by `PRAGMA max_page_count` on SQLite and by PostgreSQL's own error for it (53100), raised by the
server in the middle of the write; neither needs rights on the machine, and neither fills a real disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from typing import Any

import asyncpg
from sqlalchemy import event

from tests.faults.accounting import faults
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.harness import Clinic, Service, form
from tests.usecases.calling import writing_engine
from tests.usecases.test_races import raised_once

Sick = Callable[[Service], AbstractContextManager[None]]


def _pragma(service: Service, text: str) -> Any:
    with closing(writing_engine(service).raw_connection()) as writer:
        return writer.cursor().execute(f"PRAGMA {text}").fetchall()


@contextmanager
def full_file(service: Service) -> Iterator[None]:
    """SQLite: no page more than there are."""
    ((pages,),) = _pragma(service, "page_count")
    _pragma(service, f"max_page_count={pages}")
    yield
    _pragma(service, "max_page_count=1000000")


@contextmanager
def read_only_file(service: Service) -> Iterator[None]:
    """SQLite: the writer may not write."""
    _pragma(service, "query_only=ON")
    yield
    _pragma(service, "query_only=OFF")


@contextmanager
def locked_file(service: Service) -> Iterator[None]:
    """SQLite: somebody else is writing, and does not end."""
    path = service.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full_server(service: Service) -> Iterator[None]:
    """PostgreSQL: the server says that its disk is full, at the second statement of every try."""
    with raised_once(service, "53100", 2):
        yield


@contextmanager
def locked_table(service: Service) -> Iterator[None]:
    """PostgreSQL: somebody else holds the table of keys."""

    async def begin() -> asyncpg.Connection:
        connection = await asyncpg.connect(service.inspected_url)
        await connection.execute("BEGIN")
        await connection.execute("LOCK TABLE idempotency_keys IN EXCLUSIVE MODE")
        return connection

    connection = service.portal.call(begin)
    yield
    service.portal.call(connection.close)


@contextmanager
def read_only_server(service: Service) -> Iterator[None]:
    """PostgreSQL: every transaction is read-only, as on a standby."""
    engine = writing_engine(service)

    def refuse(connection: Any) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    event.listen(engine, "begin", refuse)
    yield
    event.remove(engine, "begin", refuse)


SICK: dict[str, dict[str, Sick]] = {
    "sqlite": {"full": full_file, "read-only": read_only_file, "locked": locked_file},
    "postgresql": {"full": full_server, "read-only": read_only_server, "locked": locked_table},
}
#: What a sender may be told: try again, or there is no room.
REFUSED = {409, 503, 507}


def run(ground: Ground, *, seed: int, cycles: int, times: int = 1) -> Counts:
    """Go through every sickness and both wrong clocks `cycles` times; a lock outlasts `times` writes."""
    counts = Counts(told={"refused": 0, "other_clock": 0})
    with ground.service() as service:
        clinic = service.clinic()
        for number in range(cycles):
            for name, sick in SICK[ground.database].items():
                _through(clinic, f"{seed}-{number}-{name}", sick, counts, times=times)
            for days in (-1, 1):
                _other_clock(clinic, days, f"{seed}-{number}-clock{days}", counts)
            counts.cycles += 1
        counts.rows = clinic.count("submissions")
        counts.found(clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation)))
    return counts


def _through(clinic: Clinic, name: str, sick: Sick, counts: Counts, *, times: int) -> None:
    """Write until it is refused, see what is said, and write again when it is over."""
    before, refused = clinic.count("submissions"), 0
    with sick(clinic.service):
        for number in range(1_000):
            answer = clinic.post(form(client_ref=f"{name}-{number}"), key=f"{name}-{number}")
            if answer.status_code == 201:
                before += 1  # what was there of room fills up first
                continue
            refused += 1
            counts.told["refused"] += 1
            counts.found([f"{name}: answered {answer.status_code}"] * (answer.status_code not in REFUSED))
            ready = clinic.service.request("GET", "/readyz").status_code
            # A client whom somebody else holds is no sickness of the database: 409, and ready for all others.
            counts.found([f"{name}: readiness stayed green"] * (ready == 200 and answer.status_code != 409))
            if refused >= (times if "locked" in name else 1):
                break
    counts.found([f"{name}: never refused"] * (refused == 0))
    counts.found([f"{name}: rows of a refused write"] * (clinic.count("submissions") != before))
    again = clinic.post(form(client_ref=f"{name}-{number}"), key=f"{name}-{number}")
    counts.found([f"{name}: {again.status_code} when it was over"] * (again.status_code != 201))
    counts.acknowledged += again.status_code == 201
    well = clinic.service.request("GET", "/readyz").status_code
    counts.found([f"{name}: readiness {well} when it was over"] * (well != 200))


def _other_clock(clinic: Clinic, days: int, name: str, counts: Counts) -> None:
    """Write, correct and read with the clock a day off, and again when it is right."""
    runtime = clinic.service.runtime
    right = runtime.now
    object.__setattr__(runtime, "now", lambda: right() + timedelta(days=days))
    try:
        made = clinic.post(form(client_ref=name, session_number=1), key=f"{name}-1")
        read = clinic.get(f"/v1/submissions/{made.json().get('id')}")
    finally:
        object.__setattr__(runtime, "now", right)
    later = clinic.post(form(client_ref=name, session_number=2), key=f"{name}-2")
    again = clinic.post(form(client_ref=name, session_number=1), key=f"{name}-1")
    said = [made.status_code, read.status_code, later.status_code, again.status_code]
    replayed = again.content == made.content
    counts.found([f"{name}: {said}, replayed {replayed}"] * (said != [201, 200, 201, 201] or not replayed))
    counts.told["other_clock"] += 1
