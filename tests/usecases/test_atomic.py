"""Faults in the middle of a write: it is there whole or not at all, and the same keys then store it once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection

from app.errors import StorageUnavailable
from app.submissions.intake import Recorded
from app.submissions.prepare import Entry
from app.submissions.record import record
from tests.faults.accounting import faults
from tests.harness import Clinic, Service, form, make_postgres_database, problem
from tests.usecases.calling import at_statement, by_therapist, caller_of, entry, record_all, stored, writing_engine


class PlantedError(Exception):
    """The fault."""


def many(name: str) -> list[Entry]:
    """Three forms that meet every kind of write: new people, a form that is there already, an ending."""
    return [
        entry(f"{name}-1", client_ref=name, therapist_ref=name, source={"system": "s", "id": name}),
        entry(f"{name}-2", client_ref=name, therapist_ref=name, source={"system": "s", "id": f"{name}-again"}),
        by_therapist(f"{name}-3", client_ref=f"{name}-other", therapist_ref=name, reported={"ending": "planned"}),
    ]


def check_stored_once(clinic: Clinic, before: dict[str, int], after: dict[str, int]) -> None:
    """Check that the three forms left two submissions with all that belongs to them."""
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown.pop("statistics", 2) == 2  # of an instrument and rater there is one row, whatever the number of forms
    assert grown == {
        "clients": 2, "client_keys": 2, "therapists": 1, "episodes": 2, "submissions": 2, "scores": 22,
        "assessments": 2, "series_statistics": 2,
        "sources": 2, "idempotency_keys": 3, "events": 7,  # two clients, two episodes and two forms, and one ending
    }  # fmt: skip
    assert not [one for one in _faults(clinic) if not one.startswith("key of")]


def _faults(clinic: Clinic) -> list[str]:
    return clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation))


def count_statements(clinic: Clinic) -> int:
    """Record the forms without a fault and count the statements."""
    with at_statement(writing_engine(clinic.service), -1, lambda _: None) as seen:
        before = clinic.counts()
        seen.clear()
        outcomes = record_all(clinic, many("counted"))
        reached = len(seen)
    assert [isinstance(one, Recorded) and one.created for one in outcomes] == [True, False, True]
    check_stored_once(clinic, before, clinic.counts())
    return reached


def read_keys_again(clinic: Clinic) -> None:
    """Let the next transaction read the organisation's keys, as the one did whose statements were counted."""
    clinic.service.runtime.vault.forget(organisation=clinic.organisation)


def fail(_: Connection) -> None:
    """Raise in the middle of the write."""
    raise PlantedError


def disconnect(connection: Connection) -> None:
    """Cut the connection to PostgreSQL, as when the network or the server goes away."""
    driver: Any = connection.connection.dbapi_connection
    driver.driver_connection.terminate()


def test_an_error_at_any_statement_leaves_no_row_and_the_retry_stores_all(clinic: Clinic) -> None:
    """Three forms in one call: whichever statement raises, no table has grown; the same keys then succeed."""
    last = count_statements(clinic)
    assert last >= 3
    for number in range(1, last + 1):
        before = clinic.counts()
        read_keys_again(clinic)
        with at_statement(writing_engine(clinic.service), number, fail) as seen, pytest.raises(PlantedError):
            record_all(clinic, many(f"c-{number}"))
        assert len(seen) == number
        assert clinic.counts() == before, f"statement {number} left rows: {seen[-1]}"
        outcomes = record_all(clinic, many(f"c-{number}"))
        assert [isinstance(one, Recorded) and not one.replayed for one in outcomes] == [True, True, True]
        check_stored_once(clinic, before, clinic.counts())


def test_a_connection_cut_at_any_statement_leaves_no_row_and_the_retry_stores_all(
    postgres_url: str, portal: BlockingPortal, tmp_path: Path
) -> None:
    """PostgreSQL: whichever statement loses its connection, it is StorageUnavailable and no table has grown."""
    with Service.start(make_postgres_database(postgres_url), portal, secrets=tmp_path / "s") as service:
        clinic = service.clinic()
        last = count_statements(clinic)
        for number in range(1, last + 1):
            before = clinic.counts()
            read_keys_again(clinic)
            with at_statement(writing_engine(service), number, disconnect), pytest.raises(StorageUnavailable):
                record_all(clinic, many(f"c-{number}"))
            outcomes = record_all(clinic, many(f"c-{number}"))
            assert [isinstance(one, Recorded) and not one.replayed for one in outcomes] == [True, True, True]
            check_stored_once(clinic, before, clinic.counts())


@pytest.fixture
def commits(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A list that says, for the next commit, whether it fails `before` or `after` it took place."""
    plan: list[str] = []
    dialect = writing_engine(clinic.service).dialect
    commit = dialect.do_commit

    def do_commit(connection: Any) -> None:
        fault = plan.pop() if plan else None
        if fault == "before":
            raise PlantedError
        commit(connection)
        if fault == "after":
            raise PlantedError

    monkeypatch.setattr(dialect, "do_commit", do_commit)
    yield plan
    assert plan == []


def test_a_commit_that_fails_leaves_no_row_and_the_retry_stores_all(clinic: Clinic, commits: list[str]) -> None:
    """A fault at the commit itself is answered with an error, and nothing is there."""
    before = clinic.counts()
    commits.append("before")
    with pytest.raises(PlantedError):
        record_all(clinic, many("c"))
    assert clinic.counts() == before
    stored(record_all(clinic, many("c"))[0])
    check_stored_once(clinic, before, clinic.counts())


def test_a_commit_whose_answer_is_lost_is_replayed_to_the_retry(clinic: Clinic, commits: list[str]) -> None:
    """What was committed although the caller saw an error is not stored again: the same keys replay it."""
    before = clinic.counts()
    commits.append("after")
    with pytest.raises(PlantedError):
        record_all(clinic, many("c"))
    check_stored_once(clinic, before, clinic.counts())
    outcomes = record_all(clinic, many("c"))
    assert [isinstance(one, Recorded) and (one.created, one.replayed) for one in outcomes] == [
        (True, True), (False, True), (True, True),
    ]  # fmt: skip
    check_stored_once(clinic, before, clinic.counts())


def test_a_request_cancelled_at_any_statement_is_whole_and_its_retry_is_right(clinic: Clinic) -> None:
    """A caller who goes away in mid-write does not stop it: the retry finds all of it, and no connection is lost."""
    service = clinic.service
    engine = writing_engine(service)
    last = count_statements(clinic)

    async def cancelled(number: int) -> bool:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(record(service.runtime, caller_of(clinic), many(f"c-{number}")))

        def cancel(_: Connection) -> None:
            loop.call_soon_threadsafe(task.cancel)

        with at_statement(engine, number, cancel), suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    went_away = 0
    for number in range(1, last + 1):
        before = clinic.counts()
        read_keys_again(clinic)
        went_away += service.portal.call(partial(cancelled, number))
        outcomes = record_all(clinic, many(f"c-{number}"))  # waits for the write under way, if any
        assert [isinstance(one, Recorded) and one.created for one in outcomes] == [True, False, True]
        check_stored_once(clinic, before, clinic.counts())
    assert went_away >= last - 2
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # both engines have a queue pool


def test_a_full_or_read_only_sqlite_file_is_503_and_recovers(portal: BlockingPortal, tmp_path: Path) -> None:
    """SQLite: no page left, or no right to write: 503, no row, and the same key succeeds once that is over."""
    with Service.start(f"sqlite:///{tmp_path / 'alliance.db'}", portal, secrets=tmp_path / "s") as service:
        clinic = service.clinic()

        def pragma(text: str) -> list[Any]:
            with closing(writing_engine(service).raw_connection()) as writer:
                return list(writer.cursor().execute(f"PRAGMA {text}").fetchall())

        ((pages,),) = pragma("page_count")
        for sick, well in ((f"max_page_count={pages}", "max_page_count=1000000"), ("query_only=ON", "query_only=OFF")):
            pragma(sick)
            refused, number = None, 0
            while refused is None:  # the pages there are fill up first
                number += 1
                before = clinic.counts()
                answer = clinic.post(form(client_ref=f"{sick}-{number}"), key=f"{sick}-{number}")
                refused = answer if answer.status_code != 201 else None
                assert number < 1000
            assert problem(refused)["code"] == "storage_unavailable"
            assert refused.status_code == 503
            assert clinic.counts() == before
            pragma(well)
            again = clinic.post(form(client_ref=f"{sick}-{number}"), key=f"{sick}-{number}")
            assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)
        assert _faults(clinic) == []
