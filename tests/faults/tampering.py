"""Entries of the log flipped, deleted, reordered, cut off, added: by somebody who may write to the tables.

Who has the database has not the key; what guards the tables there, they take away. The best they can do is to put
numbers and ends right as far as they see them, so that is what happens here. Each probe is a transaction that is rolled
back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, update

from app.audit.store import read_portion
from app.audit.verify import Verdict, begin
from app.storage.people_tables import chain_heads
from app.storage.runtime import Runtime
from app.storage.tables import events
from app.storage.types import AnyRow
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.harness import Clinic, form

FORMS = 12
KINDS = ("flipped", "deleted", "reordered", "cut_off", "added", "end_moved")


class _RolledBack(Exception):
    """Raised to end a probe."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__()
        self.verdict = verdict


def run(ground: Ground, *, seed: int, cycles: int) -> Counts:
    """Tamper `cycles` times with a log that is whole, and count what the proof did not find."""
    with ground.service() as service:
        clinic = service.clinic()
        for session in range(1, FORMS + 1):
            made = clinic.recorded(form(session_number=session))
            clinic.get(f"/v1/clients/{made['client_id']}/progress")
        clinic.get("/v1/changes?after=0")  # numbers and links them
        return probed(clinic, seed=seed, probes=cycles)


def probed(clinic: Clinic, *, seed: int, probes: int) -> Counts:
    """Tamper with the log of an organisation."""
    random = Random(seed)
    counts = Counts(told=dict.fromkeys(KINDS, 0))
    whole = clinic.service.read(partial(proven, clinic.service.runtime, organisation=clinic.organisation))
    counts.rows = whole.entries
    if whole.fault is not None:
        counts.found([f"a log that is whole does not verify: {whole}"])
    for number in range(probes):
        kind = KINDS[number % len(KINDS)]
        verdict = _probe(clinic, TAMPERS[kind], random)
        counts.cycles += 1
        counts.told[kind] += 1
        if verdict.fault is None:
            counts.found([f"not detected: {kind}, probe {number}"])
    return counts


def proven(runtime: Runtime, connection: Connection, *, organisation: UUID) -> Verdict:
    """Prove a log within a transaction."""
    proof = begin(connection, runtime.keys, organisation=organisation)
    while proof.verdict is None:
        proof.take(read_portion(connection, organisation=organisation, after=proof.sequence))
    return proof.verdict


def _probe(clinic: Clinic, tamper: Tamper, random: Random) -> Verdict:
    runtime, organisation = clinic.service.runtime, clinic.organisation

    def work(connection: Connection) -> None:
        rows = read_portion(connection, organisation=organisation, after=0)
        with unguarded(connection):
            tamper(Log(connection=connection, organisation=organisation, rows=rows), random)
        raise _RolledBack(proven(runtime, connection, organisation=organisation))

    try:
        clinic.service.write(work)
    except _RolledBack as ended:
        return ended.verdict
    raise AssertionError("a probe ends in being rolled back")


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """Take away SQLite's triggers that keep the log as it is, for a while; PostgreSQL's superuser is held by none."""
    triggers = []
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
        triggers = list(connection.exec_driver_sql(query))
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, made in triggers:
        connection.exec_driver_sql(made)


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log in the hands of somebody who may write to the tables."""

    connection: Connection
    organisation: UUID
    rows: list[AnyRow]

    def set(self, row: AnyRow, **values: Any) -> None:
        """Change an entry."""
        self.connection.execute(update(events).where(*self._is(row)).values(**values))

    def drop(self, row: AnyRow) -> None:
        """Take an entry out."""
        self.connection.execute(delete(events).where(*self._is(row)))

    def end_at(self, row: AnyRow) -> None:
        """Write that the log ends with an entry, as well as it can be seen how."""
        of = chain_heads.c.organisation_id == self.organisation
        self.connection.execute(
            update(chain_heads).where(of).values(sequence=row.sequence, chain=row.chain or bytes(32))
        )

    def add(self, row: AnyRow, **values: Any) -> None:
        """Add an entry made after another one."""
        copied = {column: value for column, value in row._mapping.items() if column != "client"} | values
        self.connection.execute(insert(events).values(**copied | {"organisation_id": self.organisation}))

    def _is(self, row: AnyRow) -> tuple[Any, ...]:
        return events.c.organisation_id == self.organisation, events.c.event_id == row.event_id


Tamper = Callable[[Log, Random], None]


def _flip(log: Log, random: Random) -> None:
    flip(log, random, random.choice(("kind", "application_id", "subject", "recorded_at", "chain", "event_id")))


def flip(log: Log, random: Random, name: str) -> None:
    """Give one field of any entry another value."""
    row = random.choice(log.rows)
    log.set(row, **{name: _other(row, name, random)})


def _other(row: AnyRow, name: str, random: Random) -> Any:
    """Make another value than an entry has, near to it."""
    others: dict[str, Callable[[], Any]] = {
        "kind": lambda: "access.denied" if row.kind != "access.denied" else "access.read",
        "application_id": lambda: None if row.application_id is not None else UUID(int=random.getrandbits(128)),
        "event_id": lambda: UUID(int=row.event_id.int ^ 1),
        "recorded_at": lambda: row.recorded_at + timedelta(microseconds=random.choice((-1, 1))),
        "chain": lambda: (int.from_bytes(row.chain) ^ (1 << random.randrange(256))).to_bytes(32),
        "subject": lambda: _other_subject(dict(row.subject), random),
    }
    return others[name]()


def _other_subject(subject: dict[str, str], random: Random) -> dict[str, str]:
    if not subject:
        return {"client_id": str(UUID(int=0))}
    changed = random.choice(sorted(subject))
    if random.random() < 0.5:
        del subject[changed]
        return subject
    return subject | {changed: subject[changed][:-1] + ("0" if subject[changed][-1] != "0" else "1")}


def _delete(log: Log, random: Random) -> None:
    """Take some entries out, and close the gap."""
    gone = set(random.sample(range(len(log.rows) - 1), random.randint(1, 3)))
    for place in gone:
        log.drop(log.rows[place])
    number = 0
    for place, row in enumerate(log.rows):
        if place not in gone:
            number += 1
            log.set(row, sequence=number)
    log.connection.execute(
        update(chain_heads).where(chain_heads.c.organisation_id == log.organisation).values(sequence=number)
    )


def _reorder(log: Log, random: Random) -> None:
    one, other = random.sample(log.rows, 2)
    if random.random() < 0.5:
        log.set(one, sequence=None)
        log.set(other, sequence=one.sequence)
        log.set(one, sequence=other.sequence)
        return
    log.set(one, sequence=None, chain=None)
    log.set(other, sequence=one.sequence, chain=one.chain)
    log.set(one, sequence=other.sequence, chain=other.chain)


def _cut_off(log: Log, random: Random) -> None:
    kept = random.randrange(len(log.rows))
    cut_off(log, kept=kept, how=random.choice((0, 1, 2) if kept else (0, 2)))


def cut_off(log: Log, *, kept: int, how: int) -> None:
    """Cut the log off, and leave its end (0), write one that can be read off the entries (1), or none (2)."""
    for row in log.rows[kept:]:
        log.drop(row)
    if how == 1:
        log.end_at(log.rows[kept - 1])
    if how == 2:
        log.connection.execute(delete(chain_heads).where(chain_heads.c.organisation_id == log.organisation))


def _add(log: Log, random: Random) -> None:
    """Add an entry behind the end, or in the place of one."""
    row, last = random.choice(log.rows), log.rows[-1]
    other = UUID(int=row.event_id.int ^ 2)
    if random.random() < 0.5:
        log.add(row, event_id=other, sequence=last.sequence + 1)
        return
    log.set(row, sequence=None)
    log.add(row, event_id=other)


def _move_end(log: Log, random: Random) -> None:
    row = random.choice(log.rows)
    if random.random() < 0.3:
        log.connection.execute(delete(chain_heads).where(chain_heads.c.organisation_id == log.organisation))
    else:
        log.end_at(row)


TAMPERS: dict[str, Tamper] = {
    "flipped": _flip,
    "deleted": _delete,
    "reordered": _reorder,
    "cut_off": _cut_off,
    "added": _add,
    "end_moved": _move_end,
}


def sequences(connection: Connection, *, organisation: UUID) -> list[int | None]:
    """Read the numbers of a log, to see that probes leave nothing behind."""
    query = select(events.c.sequence).where(events.c.organisation_id == organisation).order_by(events.c.sequence)
    return list(connection.execute(query).scalars())
