"""Bring a database to the newest schema, or say how far it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.storage.database import Database, open_database, parse_url

_TREE = Path(__file__).resolve().parents[2] / "migrations"


def configuration(url: str) -> Config:
    """Make Alembic's configuration for one database."""
    config = Config()
    config.set_main_option("script_location", str(_TREE))
    config.attributes["url"] = parse_url(url)
    return config


def upgrade(url: str, *, revision: str = "head") -> None:
    """Run the migrations up to a revision; makes an SQLite file, which only its owner reads."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database).resolve()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # answers are in the clear; SQLite gives its log (-wal) the same mode
    config = configuration(url)
    config.attributes["is_upgrade"] = True
    command.upgrade(config, revision)


def downgrade(url: str, *, revision: str) -> None:
    """Run the migrations down to a revision."""
    command.downgrade(configuration(url), revision)


def head() -> str | None:
    """Return the newest revision in the tree."""
    config = Config()
    config.set_main_option("script_location", str(_TREE))
    return ScriptDirectory.from_config(config).get_current_head()


async def current(database: Database) -> str | None:
    """Return the revision that a database is at; None when it has no schema yet."""

    def read(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    return await database.read(read, organisation=None)


def current_of(url: str) -> str | None:
    """Return the revision of the database that a URL names, which need not be there; then none is made."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        return None

    async def read() -> str | None:
        database = open_database(url)
        try:
            return await current(database)
        finally:
            await database.close()

    return asyncio.run(read())


async def is_current(database: Database) -> bool:
    """Say whether the database has the newest schema."""
    return await current(database) == await asyncio.to_thread(head)


def knows(revision: str) -> bool:
    """Say whether a revision is one of the tree: a database at another one is of a newer version."""
    config = Config()
    config.set_main_option("script_location", str(_TREE))
    return any(one.revision == revision for one in ScriptDirectory.from_config(config).walk_revisions())
