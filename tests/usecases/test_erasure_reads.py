"""An erasure looks up what is about its client, in the midst of everybody else's, and reads nobody through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, event, insert, select, text

from app.storage.tables import episodes, metadata, submissions
from tests.harness import Clinic, form
from tests.usecases.calling import writing_engine
from tests.usecases.erasing import IDS, erased, told_everything

FORMS, IN_AN_EPISODE = 2000, 10
#: Tables that grow with every form; of the others the planner of PostgreSQL reads a page and is right.
FILLED = {"submissions", "sources", "idempotency_keys", "scores", "assessments", "episodes", "clients"}
#: Few rows: keys are made by hand, and a safety check is rare.
FEW = {"api_keys", "safety_checks"}
PLANTED = ("ix_submissions_episode", "ix_sources_submission", "ix_idempotency_keys_submission")

Statement = tuple[str, Any]


def fill(connection: Connection, made: dict[str, Any]) -> None:
    """Copy one form's rows into as many as a small site has in a year, of as many clients as come there."""
    ids = [uuid4() for _ in range(FORMS)]
    people = [{"client_id": uuid4(), "reference": uuid4().bytes * 2} for _ in range(FORMS // IN_AN_EPISODE)]
    courses = [{**one, "episode_id": uuid4(), "reference_key": "k"} for one in people]
    forms = [
        {
            "submission_id": one, "session_number": n % IN_AN_EPISODE + 1, "score_id": uuid4(),
            "key": uuid4().bytes * 2, "source_key": "k", "source": uuid4().bytes * 2,
            **{name: courses[n // IN_AN_EPISODE][name] for name in ("client_id", "episode_id")},
        }
        for n, one in enumerate(ids)
    ]  # fmt: skip
    copied = [("clients", "client_id", people), ("episodes", "episode_id", courses)]
    copied += [(name, "submission_id", forms) for name in sorted(FILLED) if name not in {"clients", "episodes"}]
    for name, column, rows in sorted(copied, key=lambda one: [*metadata.tables].index(one[0])):
        table = metadata.tables[name]
        wanted = select(table).where(table.c[column] == UUID(made[column])).limit(1)
        pattern = connection.execute(wanted).mappings().one()
        connection.execute(
            insert(table), [{**pattern, **{k: v for k, v in row.items() if k in table.c}} for row in rows]
        )
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE"))


@contextmanager
def noted(clinic: Clinic) -> Iterator[list[Statement]]:
    """Note what is sent to the database that writes."""
    engine, seen = writing_engine(clinic.service), list[Statement]()

    def before(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)


def read_through(connection: Connection, statements: list[Statement]) -> list[str]:
    """Ask for the plan of each statement, and name the tables of which more than some ids' rows would be read."""
    explain, named = ("EXPLAIN ", _on_postgres) if connection.dialect.name == "postgresql" else (
        "EXPLAIN QUERY PLAN ", _on_sqlite,
    )  # fmt: skip
    found = []
    for statement, parameters in statements:
        plan = [str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters)]
        found += [f"{table}: {statement}" for table in named(plan)]
    return found


def _on_sqlite(plan: list[str]) -> list[str]:
    steps = [found for line in plan if (found := re.match(r"(?:SCAN|SEARCH) (\w+)(.*)", line))]
    about = {name for name, table in metadata.tables.items() if set(IDS) & set(table.c.keys())}
    return [one[1] for one in steps if one[1] in about - FEW and not any(f"{name}=?" in one[2] for name in IDS)]


def _on_postgres(plan: list[str]) -> list[str]:
    """An index is used for an id where the condition of its scan, on the next line or below the bitmap's, names one."""
    found = []
    for line, below in pairwise([*plan, ""]):
        scanned = re.search(r"(Seq Scan on|Index Scan using \w+ on|Index Only Scan using \w+ on) (\w+)", line)
        if (
            scanned
            and scanned[2] in FILLED - {"clients"}
            and not ("Index Cond" in below and any(name in below for name in IDS))
        ):
            found.append(scanned[2])
        if "Bitmap Index Scan" in line and not any(name in below for name in IDS):
            found.append(line.strip())
    return found


def _reads(seen: list[Statement]) -> list[Statement]:
    return [one for one in seen if re.match("SELECT|DELETE", one[0]) and "set_config" not in one[0]]


def checks_of_keys() -> list[str]:
    """Write the looks that PostgreSQL takes by itself when a form or an episode goes: whether anything refers to it."""
    return [
        f"SELECT 1 FROM {table.name} WHERE organisation_id = $1 AND {constraint.column_keys[-1]} = $2"  # noqa: S608
        for table in metadata.sorted_tables
        for constraint in table.foreign_key_constraints
        if table.name in FILLED and constraint.referred_table in {submissions, episodes}
    ]


def test_an_erasure_reads_nobody_through(clinic: Clinic) -> None:
    """Each statement, and each check of a foreign key, finds its rows by an id; a missing index is noticed.

    And a form finds its client's episodes so, among those of everybody.
    """
    client_id = told_everything(clinic)
    made = clinic.recorded(form(client_ref="x", source={"system": "s", "id": "x"}))
    clinic.service.write(lambda connection: fill(connection, made | {"submission_id": made["id"]}))
    with noted(clinic) as seen:
        clinic.recorded(form(client_ref="x", session_number=2))
    found = clinic.service.read(lambda connection: read_through(connection, _reads(seen)))
    assert [one for one in found if one.startswith("episodes: ")] == []
    with noted(clinic) as seen:
        assert erased(clinic, client_id).status_code == 200
    statements = _reads(seen)
    assert len(statements) > 25
    if clinic.service.runtime.database.name == "postgresql":  # SQLite's plans have these by themselves
        checks = checks_of_keys()
        assert len(checks) == 4
        statements += [(one, (clinic.organisation, client_id)) for one in checks]
    assert clinic.service.read(lambda connection: read_through(connection, statements)) == []
    for planted in PLANTED:
        assert without(clinic, planted, statements) != []


class _Undone(Exception):
    """Take back what was planted."""


def without(clinic: Clinic, index: str, statements: list[Statement]) -> list[str]:
    """Look at the plans as they would be without an index, which stays."""
    found: list[str] = []

    def work(connection: Connection) -> None:
        connection.execute(text(f"DROP INDEX {index}"))
        found.extend(read_through(connection, statements))
        raise _Undone

    with suppress(_Undone):
        clinic.service.write(work)
    return found
