"""The binding of a transaction to one organisation: there while it lasts, and never a moment longer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.storage.database import PostgresDatabase, open_database
from tests.harness import inspectors_url, looked_up, make_postgres_database

ORGANISATION = UUID("018f0000-0000-7000-8000-00000000000a")
BOUND = text("SELECT nullif(current_setting('alliance.organisation', true), '')")


@pytest.fixture(scope="module")
def database(postgres_url: str, portal: BlockingPortal) -> Iterator[PostgresDatabase]:
    """An empty PostgreSQL database."""
    opened = open_database(make_postgres_database(postgres_url))
    assert isinstance(opened, PostgresDatabase)
    yield opened
    portal.call(opened.close)


def bound_to(connection: Connection) -> UUID | None:
    """Say whom the connection is bound to."""
    bound: str | None = connection.execute(BOUND).scalar_one()
    return None if bound is None else UUID(bound)


def left_behind(portal: BlockingPortal, database: PostgresDatabase) -> set[tuple[UUID | None, bool]]:
    """Say of every connection that waits in the pool whom it is bound to, and whether it is in a transaction."""

    async def look() -> set[tuple[UUID | None, bool]]:
        all_taken = asyncio.Barrier(16)

        async def one() -> tuple[UUID | None, bool]:
            async with database._reading.connect() as connection:
                raw = await connection.get_raw_connection()
                driver = raw.driver_connection
                assert driver is not None
                in_transaction = driver.is_in_transaction()
                await asyncio.wait_for(all_taken.wait(), 20)
                return await connection.run_sync(bound_to), in_transaction

        return set(await asyncio.gather(*(one() for _ in range(16))))

    return portal.call(look)


def test_a_read_and_a_write_are_bound(portal: BlockingPortal, database: PostgresDatabase) -> None:
    """Both see the organisation; unbound ones see nobody; afterwards no connection remembers."""
    for run in (database.read, database.write):
        for organisation in (ORGANISATION, None):
            assert portal.call(partial(run, bound_to, organisation=organisation)) == organisation
    assert left_behind(portal, database) == {(None, False)}


def test_a_read_writes_nothing(portal: BlockingPortal, database: PostgresDatabase) -> None:
    """The database itself refuses."""
    with pytest.raises(DBAPIError, match="read-only transaction"):
        portal.call(
            partial(database.read, lambda c: c.execute(text("CREATE TABLE t (i int)")), organisation=ORGANISATION)
        )
    assert left_behind(portal, database) == {(None, False)}


def test_an_error_ends_the_binding(portal: BlockingPortal, database: PostgresDatabase) -> None:
    """An error of ours, and one of the database in the midst of the transaction."""

    def ours(connection: Connection) -> None:
        connection.execute(BOUND)
        raise ValueError

    for run in (database.read, database.write):
        with pytest.raises(ValueError):  # noqa: PT011 - it is the whole of it
            portal.call(partial(run, ours, organisation=ORGANISATION))
        with pytest.raises(DBAPIError, match="division by zero"):
            portal.call(partial(run, lambda c: c.execute(text("SELECT 1 / 0")), organisation=ORGANISATION))
    assert left_behind(portal, database) == {(None, False)}


def test_a_caller_who_goes_away_ends_the_binding(portal: BlockingPortal, database: PostgresDatabase) -> None:
    """Cancelled while the statement runs, and while nothing does."""

    async def gone_during(statement: str) -> None:
        started = asyncio.Event()

        def work(connection: Connection) -> None:
            started.set()
            connection.execute(text(statement))

        task = asyncio.ensure_future(database.read(work, organisation=ORGANISATION))
        await asyncio.wait_for(started.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    portal.call(gone_during, "SELECT pg_sleep(20)")
    assert left_behind(portal, database) == {(None, False)}


def test_a_connection_that_was_lost_is_replaced(portal: BlockingPortal, database: PostgresDatabase) -> None:
    """Ended by the server in the midst of a read: it is read again, on another connection and bound."""
    ended: list[bool] = []

    def work(connection: Connection) -> UUID | None:
        if not ended:
            ended.append(True)
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return bound_to(connection)

    found = portal.call(partial(database.read, work, organisation=ORGANISATION))
    assert found == ORGANISATION
    assert left_behind(portal, database) == {(None, False)}


def test_a_temporary_table_stands_in_for_none_of_ours(portal: BlockingPortal, postgres_url: str) -> None:
    """Neither in the transaction that makes it, nor in later ones on the connection that has it."""
    url = make_postgres_database(postgres_url)
    looked_up(
        inspectors_url(url), lambda c: c.execute(text("CREATE TABLE public.shown AS SELECT 'ours' AS whose")).close()
    )
    looked_up(inspectors_url(url), lambda c: c.execute(text("GRANT SELECT ON shown TO PUBLIC")).close())
    database = open_database(url)  # of its own, so that its pool has one connection
    look = text("SELECT whose, pg_my_temp_schema() <> 0 AS has_temporary FROM shown")

    def shadow(connection: Connection) -> tuple[str, bool]:
        connection.execute(text("CREATE TEMP TABLE shown AS SELECT 'not ours' AS whose"))
        return tuple(connection.execute(look).one())

    def read(connection: Connection) -> tuple[str, bool]:
        return tuple(connection.execute(look).one())

    try:
        found = [
            portal.call(partial(run, work, organisation=ORGANISATION))
            for run, work in ((database.write, shadow), (database.write, read), (database.read, read))
        ]
    finally:
        portal.call(database.close)
    assert found == [("ours", True)] * 3
