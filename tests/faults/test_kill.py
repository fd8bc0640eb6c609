"""kill -9 right after an answer, what makes a commit reach the disk, and faults that the accounting must find.

A kill does not simulate a loss of power (the page cache survives): for that see the pragmas that are checked here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, Table, delete, insert, select

from app.storage.database import SqliteDatabase
from app.storage.tables import assessments, clients, episodes, events, idempotency_keys, scores, submissions
from tests.faults.accounting import faults
from tests.faults.running import RunningService
from tests.harness import Clinic, Service, form, make_postgres_database, unguarded_events


def test_a_kill_right_after_the_answer_loses_nothing(own: tuple[RunningService, Clinic]) -> None:
    """Once 201 is out, kill -9 changes nothing: the form is there after the restart."""
    running, clinic = own
    stored: list[UUID] = []
    for session in (1, 2):
        running.start()
        headers = {"Authorization": f"Bearer {clinic.api_key}", "Idempotency-Key": f"k-{session}"}
        sent = form(session_number=session)
        response = httpx.post(f"{running.url}/v1/submissions", json=sent, headers=headers, timeout=20)
        running.kill()
        assert response.status_code == 201
        assert clinic.count("submissions") == session
        stored.append(UUID(response.json()["id"]))
        assert clinic.service.read(lambda c: faults(c, stored, organisation=clinic.organisation)) == []


def test_sqlite_commits_reach_the_disk(tmp_path: Path, portal: BlockingPortal) -> None:
    """The writer's own connection is in WAL mode with synchronous=FULL (2), so a commit is on the disk.

    No kill -9 can show this: it does not simulate a loss of power.
    """
    with Service.start(f"sqlite:///{tmp_path / 'a.db'}", portal, secrets=tmp_path / "s") as service:
        assert isinstance(service.runtime.database, SqliteDatabase)

        def pragmas(connection: Connection) -> list[object]:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        assert service.in_service(pragmas) == ["wal", 2, 1, 5000]


def test_postgresql_commits_reach_the_disk(postgres_url: str, portal: BlockingPortal, tmp_path: Path) -> None:
    """The service leaves PostgreSQL's own guarantee as it is: synchronous_commit and fsync are on in its writes."""
    with Service.start(make_postgres_database(postgres_url), portal, secrets=tmp_path / "s") as service:

        def settings(connection: Connection) -> list[object]:
            return [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("synchronous_commit", "fsync")]

        assert service.in_service(settings) == ["on", "on"]


def _without(table: Table) -> Callable[[Connection, Clinic], None]:
    def fault(connection: Connection, clinic: Clinic) -> None:
        if table is submissions:  # its children first, as a lost transaction would take them all
            for child in (scores, assessments):
                connection.execute(delete(child).where(child.c.organisation_id == clinic.organisation))
        with unguarded_events(connection):
            connection.execute(delete(table).where(table.c.organisation_id == clinic.organisation))

    return fault


def _without_one_score(connection: Connection, clinic: Clinic) -> None:
    connection.execute(
        delete(scores).where(scores.c.organisation_id == clinic.organisation, scores.c.component == "total")
    )


def _copy(connection: Connection, clinic: Clinic, table: Table, **changes: object) -> None:
    of = table.c.organisation_id == clinic.organisation
    rows = [dict(row) | changes for row in connection.execute(select(table).where(of)).mappings()]
    if table is scores:
        rows = [row | {"score_id": uuid4()} for row in rows]
    connection.execute(insert(table), rows)


def _unbound(connection: Connection, clinic: Clinic) -> None:
    """Write a form beside the intake: no key, no scores, no event."""
    _copy(connection, clinic, submissions, submission_id=uuid4(), session_number=2)


def _doubled(connection: Connection, clinic: Clinic) -> None:
    """Store the form a second time with everything that belongs to it, in another episode of the client."""
    submission, episode = uuid4(), uuid4()
    client = connection.execute(
        select(clients.c.client_id).where(clients.c.organisation_id == clinic.organisation)
    ).scalar_one()
    _copy(connection, clinic, episodes, episode_id=episode, ending="planned", ended_session=1)
    _copy(connection, clinic, submissions, submission_id=submission, episode_id=episode)
    for child in (scores, assessments):
        _copy(connection, clinic, child, submission_id=submission)
    _copy(connection, clinic, idempotency_keys, submission_id=submission, key=b"1" * 32)
    subject = {"client_id": str(client), "episode_id": str(episode), "submission_id": str(submission)}
    connection.execute(
        insert(events),
        [
            {
                "organisation_id": clinic.organisation,
                "event_id": uuid4(),
                "kind": kind,
                "application_id": clinic.application,
                "subject": subject,
                "recorded_at": clinic.service.runtime.now(),
            }
            for kind in ("episode.opened", "submission.recorded", "episode.ended")
        ],
    )


def _orphan(connection: Connection, clinic: Clinic) -> None:
    _copy(connection, clinic, clients, client_id=uuid4(), reference=b"2" * 32)


def _told_twice(connection: Connection, clinic: Clinic) -> None:
    of = (events.c.organisation_id == clinic.organisation, events.c.kind == "client.created")
    row = dict(connection.execute(select(events).where(*of)).mappings().one())
    del row["client"]  # the database computes it
    connection.execute(insert(events), [row | {"event_id": uuid4()}])


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (_without(submissions), "lost"),
        (_without(scores), "scores of"),
        (_without_one_score, "scores of"),
        (_without(assessments), "assessment of"),
        (_without(events), "event of"),
        (_without(idempotency_keys), "key of"),
        (_unbound, "key of"),
        (_doubled, "doubled"),
        (_orphan, "client_id without a form"),
        (_told_twice, "client.created"),
    ],
)
def test_the_accounting_finds_planted_faults(
    clinic: Clinic, fault: Callable[[Connection, Clinic], None], says: str
) -> None:
    """Whatever is lost, doubled, orphaned or half written is found, and nothing is found before it is planted."""
    told = UUID(clinic.recorded(form())["id"])
    assert clinic.service.read(lambda c: faults(c, [told], organisation=clinic.organisation)) == []
    clinic.service.write(lambda c: fault(c, clinic))
    found = clinic.service.read(lambda c: faults(c, [told], organisation=clinic.organisation))
    assert any(one.startswith(says) for one in found), found
