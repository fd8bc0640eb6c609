"""Readiness says what is wrong in a word, and is red no longer than that lasts."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, text

from app.errors import StorageUnavailable, Trouble
from app.main import create_app
from app.storage.database import Database, SqliteDatabase, open_database
from app.storage.last_write import LastWrite
from app.storage.migrate import upgrade
from app.storage.probe import WriteProbe
from app.storage.runtime import Runtime
from tests.harness import Clinic, Service, inspectors_url, make_postgres_database, owners_url


def ask(service: Service, runtime: Runtime, path: str = "/readyz", **options: Any) -> httpx.Response:
    """Ask a service on another runtime."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://alliance.test") as http:
            return await http.get(path, **options)

    return service.portal.call(send)


@dataclass
class Site:
    """A service of its own on an SQLite file, whose disk a test may spoil."""

    service: Service
    runtime: Runtime
    file: Path

    def ready(self) -> tuple[int, dict[str, str]]:
        """Ask whether it can work; each time anew."""
        answer = ask(self.service, replace(self.runtime, probe=WriteProbe(fresh_for=0)))
        return answer.status_code, answer.json()

    @contextmanager
    def with_pragma(self, pragma: str, undo: str) -> Iterator[None]:
        """Set something on every connection that writes."""
        database = self.runtime.database
        assert isinstance(database, SqliteDatabase)

        def run(statement: str) -> None:
            with closing(database._writing.raw_connection()) as connection:
                connection.cursor().execute(statement)

        run(pragma)
        yield
        run(undo)


@pytest.fixture
def site(service: Service, tmp_path: Path) -> Iterator[Site]:
    """A site of its own, with secrets of its own."""
    file = tmp_path / "site.db"
    upgrade(f"sqlite:///{file}")
    assert service.runtime.secrets_dir is not None
    secrets = shutil.copytree(service.runtime.secrets_dir, tmp_path / "secrets")
    runtime = replace(service.runtime, database=open_database(f"sqlite:///{file}"), secrets_dir=secrets)
    yield Site(service=service, runtime=runtime, file=file)
    service.portal.call(runtime.database.close)


READY = {"status": "ready", "database": "ok", "migrations": "at_head", "writing": "ok", "role": "ok", "keys": "ok"}


def test_a_probe_writes_and_leaves_nothing(clinic: Clinic) -> None:
    """On both databases a transaction is committed, and every table is as it was."""
    before = clinic.counts()
    assert clinic.service.portal.call(WriteProbe(), clinic.service.runtime.database) == "ok"
    assert clinic.counts() == before


def test_a_database_that_may_only_be_read_is_not_ready(site: Site) -> None:
    """And is ready again as soon as it may be written."""
    with site.with_pragma("PRAGMA query_only=ON", "PRAGMA query_only=OFF"):
        assert site.ready() == (503, READY | {"status": "not_ready", "writing": "read_only"})
    assert site.ready() == (200, READY)


def test_a_full_disk_is_told(site: Site) -> None:
    """SQLite's own limit of pages stands for the disk: a form can't be stored, and readiness says why."""
    with closing(sqlite3.connect(site.file)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]

    def fill(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        connection.exec_driver_sql("CREATE TABLE filler AS SELECT randomblob(100000)")

    with pytest.raises(StorageUnavailable) as met:
        site.service.portal.call(lambda: site.runtime.database.write(fill, organisation=None))
    assert met.value.reason == "full"


def test_a_locked_database_is_busy(site: Site) -> None:
    """Another process holds the write lock: not ready, until it lets go."""
    with (
        closing(sqlite3.connect(site.file, isolation_level=None)) as other,
        site.with_pragma("PRAGMA busy_timeout=1", "PRAGMA busy_timeout=5000"),
    ):
        other.execute("BEGIN IMMEDIATE")
        assert site.ready() == (503, READY | {"status": "not_ready", "writing": "busy"})
        other.execute("ROLLBACK")
        assert site.ready() == (200, READY)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.unlink(), "unreadable"),
        (lambda file: file.write_text("not hexadecimal"), "unreadable"),
        (lambda file: file.write_text("ab" * 32), "changed"),
    ],
)
def test_secrets_that_another_start_would_miss_are_told(site: Site, spoil: Callable[[Path], None], told: str) -> None:
    """The running service still has them; the next one would not. Neither name nor value is told."""
    assert site.runtime.secrets_dir is not None
    file = site.runtime.secrets_dir / "reference-key"
    before = file.read_text()
    spoil(file)
    assert site.ready() == (503, READY | {"status": "not_ready", "keys": told})
    file.write_text(before)
    assert site.ready() == (200, READY)


def test_a_master_key_that_is_another_is_told(site: Site) -> None:
    """One that was added is none: the key in use is there still. With another alone, nothing would open again."""
    assert site.runtime.secrets_dir is not None
    file = site.runtime.secrets_dir / "master-key"
    before = file.read_text()
    file.write_text("ab" * 32 + "\n" + before)
    assert site.ready() == (200, READY)
    file.write_text("ab" * 32)
    assert site.ready() == (503, READY | {"status": "not_ready", "keys": "changed"})


def test_a_missing_signing_key_is_told(site: Site) -> None:
    """Another start would end with it, and tokens are refused already."""
    assert site.runtime.secrets_dir is not None
    shutil.rmtree(site.runtime.secrets_dir / "signing")
    assert site.ready() == (503, READY | {"status": "not_ready", "keys": "unreadable"})


def gone() -> dict[str, str]:
    """What is told while the database is not there."""
    unknown = dict.fromkeys(("migrations", "writing", "role"), "unknown")
    return READY | unknown | {"status": "not_ready", "database": "unavailable"}


def test_a_database_file_that_was_moved_away_takes_nothing(site: Site) -> None:
    """What would be written into it is lost with it, also while another file has its name."""
    assert site.ready() == (200, READY)
    moved = site.file.rename(site.file.with_name("moved.db"))
    assert site.ready() == (503, gone())
    assert not site.file.exists()
    shutil.copyfile(moved, site.file)
    assert site.ready() == (503, gone())
    with pytest.raises(StorageUnavailable):
        site.service.portal.call(lambda: site.runtime.database.write(lambda _: None, organisation=None))
    moved.replace(site.file)
    assert site.ready() == (200, READY)


def test_a_damaged_database_is_told(site: Site) -> None:
    """As unavailable, not as a fault of ours."""
    site.file.write_bytes(b"no database" * 1000)
    assert site.ready() == (503, gone())


def test_a_probe_is_shared_for_a_second() -> None:
    """Whoever asks in a loop writes once: the way is open to everybody."""
    writes = []
    now = [0.0]

    class Counting:
        """Counts what is written."""

        name = "sqlite"
        last_write = LastWrite()

        async def write(self, _work: Callable[[Connection], Any], **_options: Any) -> bool:
            """Count a write."""
            writes.append(now[0])
            await asyncio.sleep(0)
            return True

    async def run() -> None:
        probe = WriteProbe(clock=lambda: now[0])
        database: Database = Counting()  # type: ignore[assignment]
        await asyncio.gather(*(probe(database) for _ in range(50)))
        now[0] = 0.9
        await probe(database)
        now[0] = 1.1
        await probe(database)

    asyncio.run(run())
    assert writes == [0.0, 1.1]


def test_postgresql_that_may_only_be_read_is_told(postgres_url: str, portal: BlockingPortal) -> None:
    """A write is no fault of ours then, and the probe says what it is."""
    url = make_postgres_database(postgres_url)

    def forbid(connection: Connection) -> None:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))

    def create(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE none (one int)"))

    async def run() -> tuple[str, str]:
        first, second = open_database(inspectors_url(url)), open_database(owners_url(url))
        await first.write(forbid, organisation=None)
        await first.close()
        try:
            await second.write(create, organisation=None)
        except StorageUnavailable as error:
            return error.reason, await WriteProbe()(second)
        finally:
            await second.close()
        return "written", "written"

    assert portal.call(run) == ("read_only", "read_only")


def test_a_disk_that_was_too_full_for_a_form_is_told_until_one_fits() -> None:
    """What a probe writes may fit where a form does not; after half a minute it is worth another try."""
    now = [0.0]
    last = LastWrite(clock=lambda: now[0])
    someone = UUID(int=1)

    def refused(reason: Trouble) -> None:
        with pytest.raises(StorageUnavailable), last.noted(organisation=someone):
            raise StorageUnavailable(reason=reason)

    def told() -> tuple[bool, bool]:
        return last.was_full, last.has_news_since(now[0])

    assert told() == (False, False)
    refused("full")
    assert told() == (True, True)
    now[0] = 10.0
    with last.noted(organisation=None):
        """A probe's write says nothing of room."""
    assert told() == (True, False)
    now[0] = 30.1
    assert told() == (False, False)
    now[0] = 20.0
    with last.noted(organisation=someone):
        """A form that fits."""
    assert told() == (False, True)
    now[0] = 21.0
    refused("read_only")
    assert told() == (False, True)
