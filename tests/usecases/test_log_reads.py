"""What is about one client, and what the feed tells, is found in a log that is full of other things."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, event, text

from app.progress.changes import TOLD
from app.storage.events import Event, append_events
from app.storage.tables import events
from tests.harness import Clinic, form
from tests.usecases.calling import writing_engine

ENTRIES = 3000

Statement = tuple[str, Any]


def fill(clinic: Clinic) -> None:
    """Write down as many looks as a small site has in some weeks, at as many clients, and seal them."""
    now = clinic.service.runtime.now()
    looks = [
        Event(
            event_id=clinic.service.runtime.new_id(),
            kind="access.read",
            application_id=clinic.application,
            subject={"operation": "get_progress", "outcome": "told", "client_id": str(uuid4())},
            recorded_at=now,
        )
        for _ in range(ENTRIES)
    ]
    of = clinic.organisation
    clinic.service.in_service(lambda c: append_events(c, looks, organisation=of), organisation=of)
    assert clinic.get("/v1/changes").status_code == 200
    if clinic.service.runtime.database.name == "postgresql":
        clinic.service.write(lambda c: c.execute(text("ANALYZE events")).close())


@contextmanager
def noted(clinic: Clinic, word: str) -> Iterator[list[Statement]]:
    """Note what is asked of the log with a word in it, of whichever engine reads it."""
    database: Any = clinic.service.runtime.database
    engine = database._reading if database.name == "sqlite" else writing_engine(clinic.service)
    seen: list[Statement] = []

    def before(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "FROM events" in statement and word in statement:
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)


def looked_into(clinic: Clinic, word: str, ask: Callable[[], Any]) -> set[str]:
    """Ask for something, and say by which indexes, if any, the entries were found, as the service that may see them."""
    with noted(clinic, word) as seen:
        ask()
    assert seen

    def plans(connection: Connection) -> list[str]:
        explain = "EXPLAIN " if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        return [str(row[-1]) for one in seen for row in connection.exec_driver_sql(explain + one[0], one[1])]

    database = clinic.service.runtime.database
    lines = clinic.service.portal.call(lambda: database.read(plans, organisation=clinic.organisation))
    steps = [one for one in lines if re.search(r"Scan.* on events\b|Bitmap Index|(SCAN|SEARCH) events\b", one)]
    found = {one: re.search(r"(?:using|INDEX|Index Scan on) (\w+)", one) for one in steps if "Bitmap Heap" not in one}
    return {name[1] if name else step for step, name in found.items()}


def test_nobody_reads_the_log_through(clinic: Clinic) -> None:
    """An export finds a client's entries, and the feed what it tells, whatever else there is; behind the wall too."""
    made, phone = clinic.recorded(form()), clinic.bound("client", "mrn-1042")
    fill(clinic)
    exported = looked_into(clinic, "client = ", lambda: clinic.get(f"/v1/clients/{made['client_id']}/export"))
    assert exported == {"ix_events_client"}
    for ask in (lambda: phone.get("/v1/changes?after=0"), lambda: clinic.get("/v1/changes")):
        assert looked_into(clinic, "kind IN", ask) == {"ix_events_told"}


def test_what_is_told_is_what_is_indexed() -> None:
    """A kind that is told and not in the index would have the whole log read again."""
    (index,) = [one for one in events.indexes if one.name == "ix_events_told"]
    for dialect in ("sqlite", "postgresql"):
        assert set(re.findall(r"'([^']+)'", str(index.dialect_options[dialect]["where"]))) == set(TOLD)
