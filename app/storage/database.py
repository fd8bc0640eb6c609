"""The two databases behind one small interface: a function of a connection runs in one transaction.

Use cases and stores are written once, against SQLAlchemy's synchronous Connection. PostgreSQL runs them in its own
greenlet over asyncpg, SQLite in its one writer thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, closing, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.errors import AllianceError, KeyInProgress, Misconfigured, StorageBusy, StorageUnavailable, Trouble
from app.seeing.metrics import Kind, count_database_error, timed
from app.seeing.traces import part
from app.storage.binding import UNHURRIED, Spans, bound_read, bound_write
from app.storage.documents import to_json
from app.storage.last_write import LastWrite

T = TypeVar("T")
Work = Callable[[Connection], T]
Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]

_TRIES = 5
#: Serialization, deadlock, a unique key taken meanwhile, a row that was referred to erased meanwhile.
_LOST_RACE = frozenset({"40001", "40P01", "23505", "23503"})
_KEYS = frozenset({"23505", "23503"})
_LOCK_TIMEOUT = "55P03"
#: A statement that ran longer than it may, or that an operator ended.
_CANCELLED = "57014"
#: What a database says of the disk that it can't write to.
_DISK: Mapping[str, Trouble] = {"53100": "full", "25006": "read_only"}
_KINDS = {
    "40001": "lost_race",
    "40P01": "lost_race",
    "23505": "lost_race",
    "23503": "lost_race",
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
}
#: What SQLite says of a file that is none of its own, or is broken.
_DAMAGED = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
_POOL = 16
_UNPREPARED: dict[str, Any] = {"statement_cache_size": 0, "prepared_statement_name_func": str}  # str() is no name


class Database(Protocol):
    """One transaction for each call; it is committed when the call returns and rolled back when it raises.

    The organisation is whose rows the call may see and write at all; None sees no row of any.
    """

    name: str

    last_write: LastWrite

    async def write(self, work: Work[T], *, organisation: UUID | None) -> T:
        """Run a write; it may be run again from the start when it lost a race."""
        ...

    async def read(self, work: Work[T], *, organisation: UUID | None) -> T:
        """Run a read."""
        ...

    async def wipe(self) -> None:
        """Take what was deleted out of the database's own files too, as far as the service can."""
        ...

    async def close(self) -> None:
        """Give every connection back."""
        ...


def open_database(url: str, *, spans: Spans = UNHURRIED) -> Database:
    """Open the database that the URL names, `sqlite:///PATH` or `postgresql://...`."""
    parsed = parse_url(url)
    return SqliteDatabase(parsed) if parsed.get_backend_name() == "sqlite" else PostgresDatabase(parsed, spans=spans)


def parse_url(url: str) -> URL:
    """Read a database URL as people write it and choose the driver."""
    try:
        parsed = make_url(url)
    except Exception:  # noqa: BLE001 - the library's message repeats the URL, which may hold a password
        raise Misconfigured("the database URL can't be read") from None
    drivers = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    driver = drivers.get(parsed.drivername.split("+")[0])
    if driver is None:
        raise Misconfigured("the database URL must begin with sqlite:// or postgresql://")
    if driver.startswith("sqlite") and not parsed.database:
        raise Misconfigured("the SQLite URL must name a file")
    return parsed.set(drivername=driver)


def sqlite_engine(url: URL, *, begin: str) -> Engine:
    """Make an SQLite engine whose every transaction starts with the given statement."""
    engine = create_engine(
        url,
        hide_parameters=True,
        json_serializer=to_json,
        json_deserializer=msgspec.json.decode,
        connect_args={"timeout": 5, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin on its own: see the begin hook
        for pragma in (
            "journal_mode=WAL",  # readers do not wait for the writer
            "synchronous=FULL",  # a commit is on the disk before it is acknowledged
            "foreign_keys=ON",  # off by default in SQLite
            "busy_timeout=5000",  # another process may be writing
            "secure_delete=ON",  # what is deleted is overwritten with zeros
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class SqliteDatabase:
    """One writer thread, a few reader threads, and a file; it binds nothing: the statements' own criterion is all."""

    name = "sqlite"

    def __init__(self, url: URL) -> None:
        self._writing = sqlite_engine(url, begin="BEGIN IMMEDIATE")
        self._reading = sqlite_engine(url, begin="BEGIN")
        self._file = Path(str(url.database))
        self._opened: tuple[int, int] | None = None
        self.last_write = LastWrite()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="sqlite-reader")

    async def write(self, work: Work[T], *, organisation: UUID | None) -> T:
        """Run a write in the writer thread; a caller that goes away does not stop it."""
        return await asyncio.shield(self._write(work, organisation=organisation))

    async def read(self, work: Work[T], *, organisation: UUID | None) -> T:  # noqa: ARG002 - as PostgreSQL
        """Run a read in a reader thread."""
        return await self._run(self._readers, self._reading, work)

    async def wipe(self) -> None:
        """Bring everything into the file, where deleted content is zeros, and empty the write-ahead log.

        A reader that does not end in time keeps the log as it is; the next wipe, or the last one to close, empties it.
        """

        def once() -> None:
            with closing(self._writing.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

        with suppress(OperationalError, sqlite3.OperationalError):
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writer, once))

    async def close(self) -> None:
        """Wait for what runs, then close the file."""
        for executor, engine in ((self._writer, self._writing), (self._readers, self._reading)):
            await asyncio.to_thread(executor.shutdown)
            engine.dispose()

    async def _write(self, work: Work[T], *, organisation: UUID | None) -> T:
        with self.last_write.noted(organisation=organisation):
            return await self._run(self._writer, self._writing, work)

    async def _run(self, executor: ThreadPoolExecutor, engine: Engine, work: Work[T]) -> T:
        def once() -> T:
            self._stay_with_file()
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DatabaseError as error:
                if isinstance(error, OperationalError) or _errorname(error) in _DAMAGED:
                    raise _counted(_sqlite_error(error)) from None
                raise

        kind: Kind = "write" if executor is self._writer else "read"
        with timed(kind), part(f"database {kind}", db__system__name=self.name):
            return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, once)

    def _stay_with_file(self) -> None:
        """Take nothing once the file was moved away or replaced: what is written into it then is lost with it.

        To go on with another file would mix it with the log (-wal) of the one before: that takes another start.
        """
        now = _identity(self._file)
        if self._opened is None:
            self._opened = now
        elif now != self._opened:
            raise _counted(StorageUnavailable())


class PostgresDatabase:
    """asyncpg under SQLAlchemy, with the work bounded in front of the pool; writes are READ COMMITTED."""

    name = "postgresql"

    def __init__(self, url: URL, *, spans: Spans = UNHURRIED) -> None:
        self._spans = spans
        # Behind a pooler that gives each transaction another connection no statement may stay prepared.
        unprepared = url.query.get("prepared_statement_cache_size") == "0"
        self._engine = create_async_engine(
            url,
            connect_args=_UNPREPARED if unprepared else {},
            hide_parameters=True,
            json_serializer=to_json,
            json_deserializer=msgspec.json.decode,
            pool_size=_POOL,
            max_overflow=0,
            pool_timeout=10,
            pool_pre_ping=False,
        )
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")  # see bound_read
        self.last_write = LastWrite()
        self._gate = asyncio.Semaphore(_POOL)
        self._running: set[asyncio.Task[Any]] = set()

    async def write(self, work: Work[T], *, organisation: UUID | None) -> T:
        """Run a write; lost races are run again, and a caller that goes away does not stop it."""
        task = asyncio.ensure_future(self._write(work, organisation=organisation))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def read(self, work: Work[T], *, organisation: UUID | None) -> T:
        """Run a read, again if its connection turns out to be dead."""
        bound = partial(bound_read, work=work, organisation=organisation, span=self._spans.read)
        try:
            return await self._once(self._reading.connect, bound)
        except StorageUnavailable:
            return await self._once(self._reading.connect, bound)

    async def wipe(self) -> None:
        """Nothing: vacuuming, and what is archived, are the operator's (docs/operators.md)."""

    async def close(self) -> None:
        """Wait for what runs, then close the pool."""
        if self._running:
            await asyncio.wait(self._running)
        with suppress(OSError):
            await self._engine.dispose()

    async def _write(self, work: Work[T], *, organisation: UUID | None) -> T:
        bound = partial(bound_write, work=work, organisation=organisation, span=self._spans.write)
        with self.last_write.noted(organisation=organisation):
            return await _again_after_lost_races(lambda: self._once(self._engine.begin, bound))

    async def _once(self, connect: Connect, work: Work[T]) -> T:
        kind: Kind = "read" if connect == self._reading.connect else "write"
        try:
            with timed(kind), part(f"database {kind}", db__system__name=self.name):
                async with self._gate, connect() as connection:
                    return await connection.run_sync(work)
        except (OSError, InterfaceError, PoolTimeout) as error:
            raise _counted(StorageUnavailable()) from error
        except DBAPIError as error:
            state = _sqlstate(error)
            if state == _CANCELLED:
                count_database_error(_KINDS[state])
                raise StorageBusy from None
            disk = _DISK.get(state) if kind == "write" else None  # a read may not write: if one does, that is our fault
            if error.connection_invalidated or state[:2] in {"08", "57", "53"} or disk:
                raise _counted(StorageUnavailable(reason=disk or "unavailable")) from None
            count_database_error(_KINDS.get(state, "other"))
            raise


async def _again_after_lost_races(once: Callable[[], Awaitable[T]]) -> T:
    for attempt in range(_TRIES):
        try:
            return await once()
        except DBAPIError as error:
            state = _sqlstate(error)
            if state == _LOCK_TIMEOUT:
                raise KeyInProgress from None
            if state not in _LOST_RACE:
                raise
            if attempt == _TRIES - 1:
                if state in _KEYS:
                    raise  # every time: that is no race
                break
            await asyncio.sleep(0.01 * 2**attempt)
    raise StorageBusy


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _errorname(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what a file is, whatever its name; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite_error(error: DBAPIError) -> AllianceError:
    """Tell a busy file, which is worth another try, from one that can't be used."""
    name = _errorname(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StorageBusy()
    if name.startswith("SQLITE_READONLY"):
        return StorageUnavailable(reason="read_only")
    return StorageUnavailable(reason="full" if name == "SQLITE_FULL" else "unavailable")


def _counted(error: AllianceError) -> AllianceError:
    """Count what the database refused, by a word of ours."""
    count_database_error(error.reason if isinstance(error, StorageUnavailable) else "busy")
    return error
