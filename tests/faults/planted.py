"""Faults for the harnesses to find: each breaks the service, in this process, in one way that would matter.

They change modules of the service while it runs; nothing of them is in the service itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Table
from sqlalchemy.util import await_only

from app.errors import StorageUnavailable
from app.storage import database
from app.storage.rows import write_rows
from app.storage.tables import events, idempotency_keys
from app.submissions import record, write

#: So long after it was told that it is done does a planted fault commit: whoever kills it meanwhile has all the time.
LATE = 30.0


def acknowledged_before_commit() -> None:
    """Answer when the rows of forms are written, and commit much later."""
    for kind in (database.SqliteDatabase, database.PostgresDatabase):
        kind.write = _told_early(kind.write)  # type: ignore[method-assign] # the plant


def acknowledged_a_second_before_commit() -> None:
    """The same for a service that goes on after the kill, and must not be waited for by what is counted then."""
    globals()["LATE"] = 1.0
    acknowledged_before_commit()


def _told_early(write_: Callable[..., Any]) -> Callable[..., Any]:
    async def early(self: Any, work: Callable[[Connection], Any], **options: Any) -> Any:
        if (
            getattr(work, "func", work).__module__ != record.__name__
        ):  # what is no form's is written as ever: forms may wait for it
            return await write_(self, work, **options)
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Any] = loop.create_future()

        def tell(made: Any) -> None:
            if not told.done():
                told.set_result(made)

        def hasty(connection: Connection) -> Any:
            made = work(connection)
            loop.call_soon_threadsafe(tell, made)
            _dawdle(connection)
            return made

        whole = asyncio.ensure_future(write_(self, hasty, **options))
        await asyncio.wait({whole, told}, return_when=asyncio.FIRST_COMPLETED)
        return told.result() if told.done() else await whole

    return early


def _dawdle(connection: Connection) -> None:
    if connection.dialect.is_async:
        await_only(asyncio.sleep(LATE))
    else:
        asyncio.run(asyncio.sleep(LATE))


def never_connected_again() -> None:
    """Stay without a database once it was away, as a pool does that keeps its dead connections."""
    once = database.PostgresDatabase._once
    dead: list[bool] = []

    async def kept(self: Any, *work: Any) -> Any:
        if dead:
            raise StorageUnavailable
        try:
            return await once(self, *work)
        except StorageUnavailable:
            dead.append(True)
            raise

    kind: Any = database.PostgresDatabase
    kind._once = kept


def events_skipped() -> None:
    """Write forms without their events."""
    _write_without(events)


def keys_forgotten() -> None:
    """Write forms without their idempotency keys."""
    _write_without(idempotency_keys)


def _write_without(table: Table) -> None:
    def less(connection: Connection, rows: dict[Table, Any], **options: Any) -> None:
        write_rows(connection, {one: made for one, made in rows.items() if one is not table}, **options)

    vars(write)["write_rows"] = less


@contextmanager
def planted(fault: Callable[[], None], *modules: Any) -> Iterator[None]:
    """Plant a fault in this process, and put back afterwards what it may change of modules or classes."""
    with pytest.MonkeyPatch.context() as kept:
        for module in modules:
            for name, value in list(vars(module).items()):
                if callable(value) and not name.startswith("__"):
                    kept.setattr(module, name, value)
        fault()
        yield
