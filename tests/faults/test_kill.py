"""kill -9 in mid-write, with senders that retry the same keys.

A kill does not simulate a loss of power (the page cache survives): for that see the pragmas that are checked here.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, Table, delete, insert, select

from app.storage.database import SqliteDatabase
from app.storage.tables import assessments, events, scores, submissions
from tests.faults.accounting import faults
from tests.faults.running import RunningService
from tests.harness import Clinic, Service, form, make_postgres_database

CYCLES = 10
SENDERS = 6
SEED = 20261122


@dataclass
class Sender:
    """Posts form after form, each again with its own key until it is acknowledged."""

    name: str
    url: str
    api_key: str
    stop: threading.Event
    acknowledged: dict[str, tuple[UUID, bytes]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Post until told to stop; the form under way is brought to its end."""
        with httpx.Client(base_url=self.url, timeout=20) as http:
            number = 0
            while not self.stop.is_set():
                client, session = divmod(number, 12)
                sent = form(client_ref=f"{self.name}-{client}", session_number=session + 1)
                self._until_acknowledged(http, f"{self.name}-{number}", sent)
                number += 1

    def _until_acknowledged(self, http: httpx.Client, key: str, sent: dict[str, object]) -> None:
        headers = {"Authorization": f"Bearer {self.api_key}", "Idempotency-Key": key}
        for _ in range(2000):
            try:
                response = http.post("/v1/submissions", json=sent, headers=headers)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if response.status_code == 201:
                self.acknowledged[key] = (UUID(response.json()["id"]), response.content)
                return
            if response.status_code not in {409, 503}:
                self.wrong.append(f"{key}: {response.status_code} {response.text[:200]}")
                return
            time.sleep(0.02)
        self.wrong.append(f"{key}: never acknowledged")


@pytest.fixture(params=["sqlite", "postgresql"])
def own(
    request: pytest.FixtureRequest, tmp_path: Path, portal: BlockingPortal
) -> Iterator[tuple[RunningService, Clinic]]:
    """A database of the test's own with one application, and a service that is not started yet."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'alliance.db'}"
    else:
        url = make_postgres_database(request.getfixturevalue("postgres_url"))
    running = RunningService(database_url=url, secrets=tmp_path / "secrets")
    with Service.start(url, portal, secrets=tmp_path / "secrets") as service:
        yield running, service.clinic()
        running.kill()


def test_ten_kills_in_mid_write_lose_and_double_nothing(
    own: tuple[RunningService, Clinic], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every acknowledged form is there once and whole, and its key replays the same bytes."""
    running, clinic = own
    dice = random.Random(SEED)
    stop = threading.Event()
    running.start()
    senders = [Sender(f"sender-{n}", running.url, clinic.api_key, stop) for n in range(SENDERS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()
    for _ in range(CYCLES):
        reached = sum(len(sender.acknowledged) for sender in senders)
        for _ in range(200):  # let some writes through, then strike at any moment
            if sum(len(sender.acknowledged) for sender in senders) >= reached + 5:
                break
            time.sleep(0.05)
        time.sleep(dice.uniform(0, 0.1))
        running.kill()
        running.start()
    stop.set()
    for thread in threads:
        thread.join(timeout=120)
    acknowledged = {key: told for sender in senders for key, told in sender.acknowledged.items()}
    assert [wrong for sender in senders for wrong in sender.wrong] == []
    ids = [submission for submission, _ in acknowledged.values()]
    found = clinic.service.read(lambda c: faults(c, ids, organisation=clinic.organisation))
    rows = clinic.count("submissions")
    with capsys.disabled():
        print(f"\nkill -9: seed {SEED}, cycles {CYCLES}, acknowledged {len(ids)}, rows {rows}")  # noqa: T201
    assert found == []
    assert len(set(ids)) == len(ids) == rows >= CYCLES * 5
    for key, (submission, body) in dice.sample(sorted(acknowledged.items()), 20):
        again = clinic.service.request(
            "POST",
            "/v1/submissions",
            json=_form_of(key),
            headers={"Authorization": f"Bearer {clinic.api_key}", "Idempotency-Key": key},
        )
        assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
        assert UUID(again.json()["id"]) == submission
        assert again.content == body


def _form_of(key: str) -> dict[str, object]:
    name, _, number = key.rpartition("-")
    client, session = divmod(int(number), 12)
    return form(client_ref=f"{name}-{client}", session_number=session + 1)


def test_a_kill_right_after_the_answer_loses_nothing(own: tuple[RunningService, Clinic]) -> None:
    """Once 201 is out, kill -9 changes nothing: the form is there after the restart."""
    running, clinic = own
    for session in range(1, 4):
        running.start()
        headers = {"Authorization": f"Bearer {clinic.api_key}", "Idempotency-Key": f"k-{session}"}
        sent = form(session_number=session)
        response = httpx.post(f"{running.url}/v1/submissions", json=sent, headers=headers, timeout=20)
        running.kill()
        assert response.status_code == 201
        assert clinic.count("submissions") == session


def test_sqlite_commits_reach_the_disk(tmp_path: Path, portal: BlockingPortal) -> None:
    """The writer's own connection is in WAL mode with synchronous=FULL (2): a commit is on the disk."""
    with Service.start(f"sqlite:///{tmp_path / 'a.db'}", portal, secrets=tmp_path / "s") as service:
        assert isinstance(service.runtime.database, SqliteDatabase)

        def pragmas(connection: Connection) -> list[object]:
            names = ("journal_mode", "synchronous", "foreign_keys")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        assert portal.call(service.runtime.database.write, pragmas) == ["wal", 2, 1]


def _without(table: Table) -> Callable[[Connection, Clinic], None]:
    def fault(connection: Connection, clinic: Clinic) -> None:
        if table is submissions:  # its children first, as a lost transaction would take them all
            for child in (scores, assessments):
                connection.execute(delete(child).where(child.c.organisation_id == clinic.organisation))
        connection.execute(delete(table).where(table.c.organisation_id == clinic.organisation))

    return fault


def _unbound(connection: Connection, clinic: Clinic) -> None:
    """Write a form beside the intake: no key, no scores, no event."""
    of = submissions.c.organisation_id == clinic.organisation
    row = connection.execute(select(submissions).where(of)).mappings().one()
    copy = dict(row) | {"submission_id": uuid4(), "session_number": row["session_number"] + 1}
    connection.execute(insert(submissions), [copy])


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (_without(submissions), "lost"),
        (_without(scores), "scores of"),
        (_without(assessments), "assessment of"),
        (_without(events), "event of"),
        (_unbound, "key of"),
    ],
)
def test_the_accounting_finds_planted_faults(
    clinic: Clinic, fault: Callable[[Connection, Clinic], None], says: str
) -> None:
    """A lost form, lost scores, a lost assessment, a lost event and a form that no key brought are all found."""
    told = UUID(clinic.recorded(form())["id"])
    database = clinic.service.runtime.database
    clinic.service.portal.call(database.write, lambda c: fault(c, clinic))
    found = clinic.service.read(lambda c: faults(c, [told], organisation=clinic.organisation))
    assert any(one.startswith(says) for one in found), found
