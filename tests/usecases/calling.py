"""Call the intake as a use case, below HTTP, and plant faults in the calls it makes of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, event

from app.access.caller import SCOPES_OF, Caller
from app.storage.database import PostgresDatabase, SqliteDatabase
from app.submissions.intake import Outcome, Recorded
from app.submissions.prepare import Entry
from app.submissions.record import record
from app.submissions.stored import StoredSubmission
from app.web.submissions_wire import SubmissionIn, form_of
from tests.harness import THERAPISTS_ANSWERS, Clinic, Service, form


def entry(key: str, **changes: Any) -> Entry:
    """Make a form as the use case takes it, with its key."""
    return Entry(form=form_of(SubmissionIn.model_validate(form(**changes))), key=key)


def by_therapist(key: str, **changes: Any) -> Entry:
    """Make the therapist's form."""
    return entry(key, **{"instrument": "trq-s-t", "rater": "therapist", "answers": THERAPISTS_ANSWERS} | changes)


def caller_of(clinic: Clinic) -> Caller:
    """Return the application as the use case knows it."""
    return Caller(organisation=clinic.organisation, application=clinic.application, scopes=SCOPES_OF["system"])


def record_all(clinic: Clinic, entries: Sequence[Entry]) -> list[Outcome]:
    """Record forms in one call."""
    service = clinic.service
    return service.portal.call(partial(record, service.runtime, caller_of(clinic), entries))


def stored(outcome: Outcome) -> StoredSubmission:
    """Check that a form was stored by this very call, and return it."""
    assert isinstance(outcome, Recorded), outcome
    assert (outcome.created, outcome.replayed) == (True, False)
    return outcome.submission


def writing_engine(service: Service) -> Engine:
    """Return the engine that writes."""
    database = service.runtime.database
    if isinstance(database, SqliteDatabase):
        return database._writing
    assert isinstance(database, PostgresDatabase)
    return database._engine.sync_engine


@contextmanager
def at_statement(engine: Engine, number: int, strike: Callable[[Connection], None]) -> Iterator[list[str]]:
    """Strike before the n-th statement, the ones that open the transaction included; yields those that were reached."""
    seen: list[str] = []

    def before(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)
        if len(seen) == number:
            strike(connection)

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)
