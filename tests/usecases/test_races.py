"""Lost races: what another transaction holds is waited for, then refused in a way that a retry mends."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, event

from app.errors import InvalidSubmission, KeyInProgress, StorageBusy, StorageUnavailable
from app.submissions.intake import Recorded
from tests.faults.accounting import faults
from tests.harness import Clinic, Service, form, make_postgres_database, problem
from tests.usecases.calling import at_statement, entry, record_all, stored, writing_engine


@pytest.fixture(scope="module")
def on_postgres(
    postgres_url: str, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service on a PostgreSQL database of this module's own."""
    secrets = tmp_path_factory.mktemp("secrets")
    with Service.start(make_postgres_database(postgres_url), portal, secrets=secrets) as service:
        yield service


@contextmanager
def held(service: Service, *statements: str) -> Iterator[None]:
    """Hold in another transaction what some statements lock, and roll it back at the end."""

    async def begin() -> asyncpg.Connection:
        connection = await asyncpg.connect(service.inspected_url)
        await connection.execute("BEGIN")
        for statement in statements:
            await connection.execute(statement)
        return connection

    connection = service.portal.call(begin)
    try:
        yield
    finally:
        service.portal.call(connection.close)


def until_waiting(service: Service, count: int) -> None:
    """Wait until some transactions of this database wait for a lock."""

    async def waiting() -> int:
        connection = await asyncpg.connect(service.inspected_url)
        try:
            query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity"
            return int(await connection.fetchval(f"{query} WHERE datname = current_database())"))
        finally:
            await connection.close()

    for _ in range(300):
        if service.portal.call(waiting) >= count:
            return
    raise AssertionError("nobody waits")


EPISODES = "SELECT * FROM episodes FOR UPDATE"
KEYS = "LOCK TABLE idempotency_keys IN EXCLUSIVE MODE"


@pytest.mark.parametrize("lock", [EPISODES, KEYS])
def test_a_lock_that_is_not_free_in_time_is_in_progress(on_postgres: Service, lock: str) -> None:
    """PostgreSQL: after three seconds KeyInProgress (409), nothing is stored, and a retry works."""
    clinic = on_postgres.clinic()
    clinic.recorded(form())
    before = clinic.counts()
    with held(on_postgres, lock):
        answer = clinic.post(form(session_number=2), key="k")
        assert clinic.counts() == before
    told = problem(answer)
    assert (told["status"], told["code"]) == (409, "in_progress")
    again = clinic.post(form(session_number=2), key="k")
    assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)
    assert clinic.count("submissions") == 2
    assert clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation)) == []


@pytest.mark.parametrize("lock", [EPISODES, KEYS])
def test_a_lock_that_becomes_free_is_waited_for(on_postgres: Service, lock: str) -> None:
    """PostgreSQL: a write that waits for another transaction goes on when that one ends."""
    clinic = on_postgres.clinic()
    clinic.recorded(form())
    with ThreadPoolExecutor(1) as pool:
        with held(on_postgres, lock):
            waiting = pool.submit(clinic.post, form(session_number=2))
            until_waiting(on_postgres, 1)
        assert waiting.result().status_code == 201


def until_one_connection_is_taken(service: Service) -> None:
    """Wait for the look-ups of the keys, which take a connection for a moment; who waits keeps one."""
    pool: Any = writing_engine(service).pool
    for _ in range(100):
        if pool.checkedout() == 1:
            return
        time.sleep(0.01)
    raise AssertionError(f"{pool.checkedout()} connections are taken")


def most_connections(service: Service, posts: list[Future[Any]]) -> int:
    """Watch how many connections are taken at once until all posts are answered."""
    pool: Any = writing_engine(service).pool
    most = 0
    while not all(post.done() for post in posts):
        most = max(most, pool.checkedout())
        time.sleep(0.005)
    return most


def test_duplicates_wait_for_one_flight_and_are_refused_with_it(on_postgres: Service) -> None:
    """PostgreSQL: six posts of one key behind a lock take one connection between them; all get 409, a retry 201.

    Until the last is answered: a transaction that they shared would be refused as one, and be tried again by each.
    """
    clinic = on_postgres.clinic()
    clinic.recorded(form())
    with held(on_postgres, EPISODES), ThreadPoolExecutor(6) as pool:
        posts = [pool.submit(clinic.post, form(session_number=2), key="one-key") for _ in range(6)]
        until_waiting(on_postgres, 1)
        until_one_connection_is_taken(on_postgres)
        assert most_connections(on_postgres, posts) == 1
        answers = [post.result() for post in posts]
    assert Counter((a.status_code, problem(a)["code"]) for a in answers) == {(409, "in_progress"): 6}
    assert clinic.count("submissions") == 1
    assert clinic.post(form(session_number=2), key="one-key").status_code == 201
    assert clinic.count("submissions") == 2


@contextmanager
def raised_once(service: Service, sqlstate: str, number: int) -> Iterator[list[str]]:
    """Make PostgreSQL itself fail the n-th statement with an SQLSTATE, once."""
    engine = writing_engine(service)
    seen: list[str] = []

    def before(
        _c: Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        many: bool,  # noqa: FBT001 - its signature
    ) -> tuple[str, Any]:
        seen.append(statement)
        if len(seen) == number:
            return f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$", [()] if many else ()
        return statement, parameters

    event.listen(engine, "before_cursor_execute", before, retval=True)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "23505"])
def test_a_lost_race_is_run_again(on_postgres: Service, sqlstate: str) -> None:
    """PostgreSQL: serialization failure, deadlock, unique key taken, at any statement: stored once all the same."""
    clinic = on_postgres.clinic()
    stored(record_all(clinic, [entry("k-1")])[0])
    with raised_once(on_postgres, sqlstate, -1) as seen:
        stored(record_all(clinic, [entry("k-2", session_number=2)])[0])
        last = len(seen)
    assert last >= 4  # the time-out, the look-up, the locks, the rows
    told = []
    for number in range(1, last + 1):
        session = number + 2
        with raised_once(on_postgres, sqlstate, number) as seen:
            (outcome,) = record_all(clinic, [entry(f"k-{session}", session_number=session)])
        told.append(stored(outcome).submission_id)
        assert len(seen) == number + last
    assert clinic.count("submissions") == last + 2
    assert clinic.service.read(lambda c: faults(c, told, organisation=clinic.organisation)) == []


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("53100", StorageUnavailable),
        ("57P01", StorageUnavailable),
    ],
)
def test_what_is_no_lost_race_is_refused_at_once(on_postgres: Service, sqlstate: str, kind: type[Exception]) -> None:
    """PostgreSQL: disk full, shut down: the right error, no row, and the retry works."""
    clinic = on_postgres.clinic()
    before = clinic.counts()
    with raised_once(on_postgres, sqlstate, 2), pytest.raises(kind):
        record_all(clinic, [entry("k")])
    assert clinic.counts() == before
    stored(record_all(clinic, [entry("k")])[0])


@pytest.mark.parametrize(("sqlstate", "kind"), [("55P03", KeyInProgress), ("57014", StorageBusy)])
def test_what_took_too_long_is_told_to_each_form(on_postgres: Service, sqlstate: str, kind: type[Exception]) -> None:
    """PostgreSQL: a lock not free in time, or a statement cut off, is an outcome of each form, with no row."""
    clinic = on_postgres.clinic()
    before = clinic.counts()
    forms = [entry("k-1"), entry("k-2", client_ref="mrn-2"), entry("k-3", answers={"1": 9})]
    with raised_once(on_postgres, sqlstate, 2):
        outcomes = record_all(clinic, forms)
    assert [type(one) for one in outcomes] == [kind, kind, InvalidSubmission]
    assert clinic.counts() == before
    for outcome in record_all(clinic, forms[:2]):
        stored(outcome)


def test_connections_that_died_idle_are_503_once(on_postgres: Service) -> None:
    """PostgreSQL: after its restart a write fails once without a row, and then the service is well again."""
    clinic = on_postgres.clinic()

    async def end_all() -> None:
        connection = await asyncpg.connect(on_postgres.inspected_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

    clinic.recorded(form())
    before = clinic.counts()
    on_postgres.portal.call(end_all)
    with pytest.raises(StorageUnavailable):
        record_all(clinic, [entry("k", session_number=2)])
    assert clinic.counts() == before
    stored(record_all(clinic, [entry("k", session_number=2)])[0])


def test_calls_with_the_same_clients_in_any_order_do_not_deadlock(clinic: Clinic) -> None:
    """Eight calls at once with the same ten new clients in orders of their own, then again for known ones."""
    for session in (1, 2):

        def call(n: int, session: int = session) -> list[str]:
            order = sorted(range(10), key=lambda client: (client * 7 + n * 3) % 11)
            forms = [entry(f"{session}-{n}-{c}", client_ref=f"c-{c}", session_number=session) for c in order]
            outcomes = [one for one in record_all(clinic, forms) if isinstance(one, Recorded)]
            return ["new" if one.created else "there" for one in outcomes]

        with ThreadPoolExecutor(8) as pool:
            said = Counter(one for call_said in pool.map(call, range(8)) for one in call_said)
        assert said == {"new": 10, "there": 70}
    assert (clinic.count("clients"), clinic.count("episodes"), clinic.count("submissions")) == (10, 10, 20)
    assert clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation, keys_of_a_form=8)) == []


@pytest.fixture
def on_sqlite(portal: BlockingPortal, tmp_path: Path) -> Iterator[tuple[Clinic, sqlite3.Connection]]:
    """The service on a SQLite file of its own, and somebody else's connection to that file."""
    path = tmp_path / "alliance.db"
    with Service.start(f"sqlite:///{path}", portal, secrets=tmp_path / "s") as service:
        other = sqlite3.connect(path, isolation_level=None, timeout=0)
        yield service.clinic(), other
        other.close()


def test_a_sqlite_file_that_is_locked_for_too_long_is_busy(on_sqlite: tuple[Clinic, sqlite3.Connection]) -> None:
    """After five seconds StorageBusy (503) and nothing is stored; reads go on all the while, and a retry works."""
    clinic, other = on_sqlite
    clinic.recorded(form())
    before = clinic.counts()
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(clinic.post, form(session_number=2), key="k")
        assert clinic.counts() == before
        told = problem(waiting.result())
    assert (told["status"], told["code"]) == (503, "storage_busy")
    assert clinic.counts() == before
    other.execute("ROLLBACK")
    again = clinic.post(form(session_number=2), key="k")
    assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)
    assert clinic.count("submissions") == 2


def test_a_sqlite_file_that_becomes_free_is_waited_for(on_sqlite: tuple[Clinic, sqlite3.Connection]) -> None:
    """A write that finds the file locked goes on when the other one is done."""
    clinic, other = on_sqlite
    begun = threading.Event()
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool, at_statement(writing_engine(clinic.service), 1, lambda _: begun.set()):
        waiting = pool.submit(clinic.post, form())
        assert begun.wait(timeout=10)
        other.execute("ROLLBACK")
        assert waiting.result().status_code == 201
