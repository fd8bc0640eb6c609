"""A fault at each database call of a write: all or nothing, and the retry under the same key succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from app.storage.database import PostgresDatabase, SqliteDatabase
from tests.harness import Clinic, form


class PlantedError(Exception):
    """The fault."""


def engine_of(clinic: Clinic) -> Engine:
    """Return the engine that writes."""
    database = clinic.service.runtime.database
    if isinstance(database, SqliteDatabase):
        return database._writing
    assert isinstance(database, PostgresDatabase)
    return database._engine.sync_engine


@contextmanager
def fault_at(engine: Engine, call: int) -> Iterator[list[int]]:
    """Fail at the n-th writing statement or the ones that go with it; the list counts the calls."""
    seen = [0]

    def strike(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "api_keys" in statement:  # the look-up of the credential comes before the write
            return
        seen[0] += 1
        if seen[0] == call:
            raise PlantedError

    event.listen(engine, "before_cursor_execute", strike)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", strike)


def test_a_fault_at_any_call_leaves_nothing_and_the_retry_succeeds(clinic: Clinic) -> None:
    """Whichever statement fails, no row stays; the same key then stores the form once."""
    engine = engine_of(clinic)
    with fault_at(engine, -1) as seen:
        clinic.recorded(form(client_ref="counted", source={"system": "s", "id": "counted"}))
    assert seen[0] >= 10
    for call in range(1, seen[0] + 1):
        sent = form(client_ref=f"c-{call}", therapist_ref=f"t-{call}", source={"system": "s", "id": f"c-{call}"})
        before = clinic.counts()
        with fault_at(engine, call):
            assert clinic.post(sent, key=f"k-{call}").status_code == 500
        assert clinic.counts() == before, f"statement {call} left rows"
        assert clinic.post(sent, key=f"k-{call}").status_code == 201
        assert clinic.count("submissions") == before["submissions"] + 1
