"""What the database is asked for a request ends, also when nobody waits any more; what an operator runs may last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, text

from app.cli.output import run
from app.errors import StorageBusy
from app.main import create_app
from app.settings import Settings
from app.storage.binding import Spans
from app.storage.database import Database, open_database
from tests.harness import Clinic, Service, form, make_postgres_database, migrate, problem

SHORT = Spans(read=50, write=50)
SPAN = text("SELECT current_setting('statement_timeout')")


@pytest.fixture(scope="module")
def on_postgres(
    postgres_url: str, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service on a PostgreSQL database of its own, with an end to each statement."""
    url, secrets = make_postgres_database(postgres_url), tmp_path_factory.mktemp("secrets")
    with Service.start(url, portal, secrets=secrets) as service:
        runtime = replace(service.runtime, database=open_database(url, spans=SHORT))
        transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url="http://alliance.test")
        yield replace(service, runtime=runtime, http=http)
        portal.call(http.aclose)
        portal.call(runtime.database.close)


@contextmanager
def locked(clinic: Clinic, table: str) -> Iterator[None]:
    """Keep a table from everybody, as somebody does who changes it."""
    call = clinic.service.portal.call
    other = call(asyncpg.connect, clinic.service.inspected_url)
    call(other.execute, f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        call(other.close)


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_statement_that_lasts_is_ended(on_postgres: Service, kind: str) -> None:
    """By the database, once: it is not asked again. The connection is as good as before."""
    asked: list[str] = []

    def work(connection: Connection) -> None:
        asked.append(kind)
        connection.execute(text("SELECT pg_sleep(20)"))

    call = partial(getattr(on_postgres.runtime.database, kind), organisation=None)
    with pytest.raises(StorageBusy):
        on_postgres.portal.call(call, work)
    assert asked == [kind]
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sl%'"
    assert on_postgres.read(lambda c: c.execute(text(sleeping)).scalar()) == 0
    assert on_postgres.portal.call(call, lambda c: c.execute(SPAN).scalar()) == "50ms"


def test_a_request_is_told_that_the_database_is_busy(on_postgres: Service) -> None:
    """Nothing is stored, and what is sent again is answered."""
    clinic = on_postgres.clinic()
    made = clinic.recorded(form())
    read = partial(clinic.get, f"/v1/submissions/{made['id']}")
    write = partial(clinic.post, form(session_number=2), key="k")
    with locked(clinic, "submissions"):
        for refused in (read(), write()):
            assert (refused.status_code, problem(refused)["code"]) == (503, "storage_busy")
            assert refused.headers["Retry-After"] == "1"
    assert (read().status_code, write().status_code) == (200, 201)
    assert clinic.count("submissions") == 2


async def spans_of(database: Database) -> tuple[str, str]:
    """Ask a database how long a statement of a read and of a write may run."""

    def ask(connection: Connection) -> str:
        return str(connection.execute(SPAN).scalar())

    return await database.read(ask, organisation=None), await database.write(ask, organisation=None)


def test_the_service_is_in_a_hurry_and_the_operator_is_not(
    postgres_url: str, portal: BlockingPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """15 s for a read and a minute for a write of a request; what the command line asks runs to its end."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    monkeypatch.setenv("ALLIANCE_DATABASE_URL", url)
    monkeypatch.setenv("ALLIANCE_SECRETS_DIR", str(tmp_path / "secrets"))
    serving = create_app(settings=Settings()).state.runtime.database
    try:
        assert portal.call(spans_of, serving) == ("15s", "1min")
    finally:
        portal.call(serving.close)
    assert run(lambda runtime: spans_of(runtime.database)) == ("0", "0")
