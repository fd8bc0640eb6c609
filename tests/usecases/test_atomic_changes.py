"""Faults in the middle of a correction or a withdrawal: nothing of it is there, and the same key then does it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, select

from app.errors import StorageUnavailable
from app.storage.tables import assessments, episodes, submissions
from app.submissions.intake import Recorded
from app.submissions.withdraw import withdraw
from tests.faults.accounting import faults
from tests.faults.rebuild import differences
from tests.harness import Clinic, Service, form, make_postgres_database
from tests.usecases.calling import at_statement, caller_of, entry, record_all, writing_engine
from tests.usecases.test_atomic import PlantedError, disconnect, fail

Change = Callable[[Clinic, UUID, str], None]


def correct(clinic: Clinic, target: UUID, client: str) -> None:
    """Correct a form: it moves to another session, and reports an ending."""
    sent = entry(f"correct {client}", client_ref=client, session_number=4, reported={"ending": "planned"})
    (outcome,) = record_all(clinic, [replace(sent, route="corrections", corrects=target)])
    if not isinstance(outcome, Recorded):
        raise outcome
    assert (outcome.created, outcome.replayed) == (True, False)


def take_out(clinic: Clinic, target: UUID, client: str) -> None:
    """Withdraw a form."""
    runtime, caller = clinic.service.runtime, caller_of(clinic)
    out = partial(withdraw, runtime, caller, target, reason="other", key=f"withdraw {client}")
    done = clinic.service.portal.call(out)
    assert (done.created, done.replayed) == (True, False)


CHANGES: dict[str, Change] = {"correction": correct, "withdrawal": take_out}


def three_sessions(clinic: Clinic, client: str) -> UUID:
    """Record three sessions of a client, and return the id of the second form."""
    made = [clinic.recorded(form(client_ref=client, session_number=n, answers={"1": n})) for n in (1, 2, 3)]
    return UUID(made[1]["id"])


def snapshot(clinic: Clinic) -> list[Any]:
    """Read all that a change may touch: more than numbers of rows, since it updates some."""

    def rows(connection: Connection) -> list[Any]:
        return [
            sorted(map(repr, connection.execute(select(table).where(table.c.organisation_id == clinic.organisation))))
            for table in (submissions, episodes, assessments)
        ]

    return [clinic.counts(), clinic.service.read(rows)]


def statements_of(clinic: Clinic, change: Change) -> int:
    """Count the statements of a change without a fault."""
    target = three_sessions(clinic, "counted")
    with at_statement(writing_engine(clinic.service), -1, lambda _: None) as seen:
        change(clinic, target, "counted")
        return len(seen)


def check(clinic: Clinic, change: Change, strike: Callable[[Connection], None], error: type[Exception]) -> None:
    """Strike at each statement in turn: nothing has changed, and the retry does all of it."""
    last = statements_of(clinic, change)
    assert last >= 6
    for number in range(1, last + 1):
        client = f"c-{number}"
        target = three_sessions(clinic, client)
        before = snapshot(clinic)
        with at_statement(writing_engine(clinic.service), number, strike) as seen, pytest.raises(error):
            change(clinic, target, client)
        assert snapshot(clinic) == before, f"statement {number} left something: {seen[-1]}"
        change(clinic, target, client)
        assert clinic.read_back(target)["status"] in {"superseded", "withdrawn"}
    assert clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation)) == []
    assert clinic.count("episodes") == last + 1


@pytest.mark.parametrize("name", CHANGES)
def test_an_error_at_any_statement_of_a_change_leaves_all_as_it_was(clinic: Clinic, name: str) -> None:
    """Whichever statement raises: rows, current forms, episodes and assessments are those of before."""
    check(clinic, CHANGES[name], fail, PlantedError)


@pytest.mark.parametrize("name", CHANGES)
def test_a_connection_cut_at_any_statement_of_a_change_leaves_all_as_it_was(
    postgres_url: str, portal: BlockingPortal, tmp_path: Path, name: str
) -> None:
    """PostgreSQL: whichever statement loses its connection, nothing of the change is there."""
    with Service.start(make_postgres_database(postgres_url), portal, secrets=tmp_path / "s") as service:
        check(service.clinic(), CHANGES[name], disconnect, StorageUnavailable)


def test_a_change_and_its_revisions_end_as_a_rebuild_does(clinic: Clinic) -> None:
    """After a fault in the middle and the retry, everything that is said follows from the forms."""
    made = [clinic.recorded(form(session_number=n)) for n in (1, 2, 3)]
    with at_statement(writing_engine(clinic.service), 5, fail), pytest.raises(PlantedError):
        correct(clinic, UUID(made[1]["id"]), "mrn-1042")
    correct(clinic, UUID(made[1]["id"]), "mrn-1042")
    assert differences(clinic) == []
