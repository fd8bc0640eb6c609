"""Edges of intake that were once wrong: endings, locks, clocks and lost races."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import event, select

from app.storage.tables import events
from app.submissions.intake import Recorded
from tests.harness import THERAPISTS_ANSWERS, Clinic, Service, form, make_postgres_database, problem
from tests.usecases.calling import (
    by_therapist,
    entry,
    record_all,
    stored,
    writing_engine,
)
from tests.usecases.test_races import EPISODES, held, until_waiting


@pytest.fixture
def on_postgres(postgres_url: str, portal: BlockingPortal, tmp_path: Path) -> Iterator[Service]:
    """The service on a PostgreSQL database of its own."""
    with Service.start(make_postgres_database(postgres_url), portal, secrets=tmp_path / "s") as service:
        yield service


THEIRS = {"instrument": "trq-s-t", "rater": "therapist", "answers": THERAPISTS_ANSWERS}


def test_a_repeat_of_an_earlier_episodes_form_is_not_stored_again(clinic: Clinic) -> None:
    """After the next episode has begun, a form of the ended one under a new key still answers the stored one."""
    first = clinic.recorded(form(**THEIRS))
    clinic.recorded(form(session_number=2, reported={"ending": "planned"}))
    clinic.recorded(form(session_number=3))
    again = clinic.post(form(**THEIRS))
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert clinic.count("submissions") == 3


def test_a_late_form_of_an_ended_episodes_last_session_belongs_to_it(clinic: Clinic) -> None:
    """The other rater's form of the last session belongs to the ended episode when the next one has begun."""
    ended = clinic.recorded(form(session_number=2, reported={"ending": "planned"}))
    clinic.recorded(form(session_number=3))
    late = clinic.recorded(form(session_number=2, **THEIRS))
    assert late["episode_id"] == ended["episode_id"]


def test_a_session_that_waits_for_the_ending_is_not_put_into_the_ended_episode(
    on_postgres: Service, portal: BlockingPortal, tmp_path: Path
) -> None:
    """Two workers: whoever waited for the episode's lock behind the ending opens another episode."""
    clinic = on_postgres.clinic()
    clinic.recorded(form(session_number=1))
    with (
        Service.start(on_postgres.database_url, portal, secrets=tmp_path / "s") as second,
        ThreadPoolExecutor(2) as pool,
    ):
        with held(on_postgres, EPISODES):
            ending = pool.submit(clinic.post, form(session_number=2, reported={"ending": "planned"}))
            until_waiting(on_postgres, 1)
            after = pool.submit(replace(clinic, service=second).post, form(session_number=3))
            until_waiting(on_postgres, 2)
        answers = ending.result(), after.result()
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["episode_id"] != answers[1].json()["episode_id"]


def test_a_client_is_created_once_in_a_call(clinic: Clinic) -> None:
    """Three forms of a new client in one call make one client.created event."""
    record_all(clinic, [entry(f"k-{n}", session_number=n) for n in (1, 2, 3)])
    query = select(events.c.kind).where(events.c.organisation_id == clinic.organisation)
    kinds = Counter(clinic.service.read(lambda c: list(c.execute(query).scalars())))
    assert (kinds["client.created"], kinds["episode.opened"], kinds["submission.recorded"]) == (1, 1, 3)


def test_an_ending_in_a_call_ends_the_episode_for_the_sessions_after_it(clinic: Clinic) -> None:
    """One call says the same as one call for each form: the session after an ending opens a new episode."""
    entries = [entry("1"), entry("2", session_number=2, reported={"ending": "planned"}), entry("3", session_number=3)]
    places = [stored(one).episode_id for one in record_all(clinic, entries)]
    assert places[0] == places[1] != places[2]


def test_one_source_twice_in_a_call_with_two_contents_is_a_conflict(clinic: Clinic) -> None:
    """The second gets SourceConflict and keeps nobody out."""
    source = {"system": "s", "id": "1"}
    entries = [entry("1", source=source), entry("2", session_number=2, source=source), entry("3", client_ref="other")]
    outcomes = record_all(clinic, entries)
    assert [one.code if not isinstance(one, Recorded) else "new" for one in outcomes] == [
        "new",
        "source_conflict",
        "new",
    ]


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_race_lost_every_time_is_busy_not_a_fault(on_postgres: Service, sqlstate: str) -> None:
    """After the last try the answer is 503 storage_busy, not 500."""
    clinic = on_postgres.clinic()

    def before(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> tuple[str, Any]:
        if "INTO submissions" in statement:
            return f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$", ()
        return statement, parameters

    event.listen(writing_engine(on_postgres), "before_cursor_execute", before, retval=True)
    told = problem(clinic.post(form(), key="k"))
    event.remove(writing_engine(on_postgres), "before_cursor_execute", before)
    assert (told["status"], told["code"]) == (503, "storage_busy")
    assert clinic.post(form(), key="k").status_code == 201


@pytest.mark.parametrize("first", ["client", "therapist"])
def test_of_two_plans_of_one_session_the_one_completed_later_counts(clinic: Clinic, first: str) -> None:
    """Whichever came in first: of the two raters' forms the later one's plan is the session's."""
    forms = {
        "client": entry("1", session_number=3, planned_sessions=5, completed_at="2025-01-28T10:00:01Z"),
        "therapist": by_therapist("2", session_number=3, planned_sessions=20, completed_at="2025-01-28T10:00:00Z"),
    }
    for rater in sorted(forms, key=lambda rater: rater != first):
        made = stored(record_all(clinic, [forms[rater]])[0])
    told = clinic.get(f"/v1/clients/{made.client_id}/stage").json()
    assert told["planned_sessions"] == 5


def test_a_read_survives_a_connection_that_died_idle(on_postgres: Service) -> None:
    """PostgresDatabase.read says that it runs again when its connection turns out to be dead."""
    clinic = on_postgres.clinic()

    async def end_all() -> None:
        connection = await asyncpg.connect(on_postgres.inspected_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

    assert clinic.get("/v1/instruments").status_code == 200
    on_postgres.portal.call(end_all)
    assert clinic.get("/v1/instruments").status_code == 200


def test_a_client_who_dropped_out_at_once_may_begin_again(clinic: Clinic) -> None:
    """Session 1 of a new course, a year after an episode that ended with session 1, is a new episode's."""
    ended = clinic.recorded(form(reported={"ending": "dropout"}))
    again = clinic.post(form(completed_at="2026-11-01T10:00:00Z"))
    assert again.status_code == 201, again.text
    assert again.json()["episode_id"] != ended["episode_id"]
