"""Alembic's entry: one tree of migrations for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import create_async_engine

from app.storage.database import sqlite_engine
from app.storage.role import close_to_temporary
from app.storage.tables import metadata


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


def _migrate_sqlite(url: URL) -> None:
    """Migrate a file; a table that is made anew is dropped in between, so foreign keys are checked at the end."""
    engine = sqlite_engine(url, begin="BEGIN IMMEDIATE")
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA foreign_keys=OFF"))
    with engine.begin() as connection:
        _migrate(connection)
        if lost := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            raise RuntimeError(f"the migration would lose what {len(lost)} rows refer to")
    engine.dispose()


async def _migrate_postgres(url: URL) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "SET LOCAL statement_timeout = 0"
        )  # one of the login's own would end a long step
        await connection.run_sync(_migrate)
        if context.config.attributes.get("is_upgrade"):  # each time: a dump does not bring the rights on its database
            await connection.run_sync(close_to_temporary)
    await engine.dispose()


def run() -> None:
    """Run the migrations on the database of the configuration, in one transaction."""
    url: URL = context.config.attributes["url"]
    if url.get_backend_name() == "sqlite":
        _migrate_sqlite(url)
    else:
        asyncio.run(_migrate_postgres(url))


run()
