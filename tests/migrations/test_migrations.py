"""The migrations: one tree for both databases, without drift, and reversible on filled tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, inspect

from app.storage.database import open_database
from app.storage.migrate import current, downgrade, head, is_current, upgrade
from app.storage.tables import metadata
from tests.harness import Service, form, make_postgres_database


@pytest.fixture(params=["sqlite", "postgresql"])
def own_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, still empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'alliance.db'}"
    return make_postgres_database(request.getfixturevalue("postgres_url"))


def looked_up(url: str, work: Callable[[Connection], Any]) -> Any:
    """Run a read on a database by its URL."""

    async def read() -> Any:
        database = open_database(url)
        try:
            return await database.read(work)
        finally:
            await database.close()

    return asyncio.run(read())


@pytest.fixture
def filled(own_url: str, portal: BlockingPortal, tmp_path: Path) -> str:
    """A database with rows in every table."""
    with Service.start(own_url, portal, secrets=tmp_path / "secrets") as service:
        clinic = service.clinic()
        clinic.recorded(form())
        portal.call(lambda: _enable(service, clinic.organisation))
        counts = {name: count for name, count in clinic.counts().items() if count == 0}
        assert counts == {}
    return own_url


async def _enable(service: Service, organisation: Any) -> None:
    from app.access.administer import enable_instrument

    await enable_instrument(
        service.runtime, organisation=organisation, instrument="wai-s", checked_against="our own copy"
    )


def test_the_migrated_schema_is_the_one_the_code_describes(own_url: str) -> None:
    """After the migrations a comparison with the tables in the code finds no difference."""
    upgrade(own_url)

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert looked_up(own_url, differences) == []


def test_down_and_up_again_on_filled_tables(filled: str) -> None:
    """All the way down leaves no table of ours, and up again gives a working, current schema."""
    downgrade(filled, revision="base")
    names = looked_up(filled, lambda c: inspect(c).get_table_names())
    assert set(names) <= {"alembic_version"}
    upgrade(filled)
    names = looked_up(filled, lambda c: inspect(c).get_table_names())
    assert set(names) == {*metadata.tables, "alembic_version"}


def test_migrating_twice_changes_nothing(own_url: str) -> None:
    """A second upgrade is harmless, and the database says that it is at the newest revision."""
    upgrade(own_url)
    upgrade(own_url)

    async def state() -> tuple[str | None, bool]:
        database = open_database(own_url)
        try:
            return await current(database), await is_current(database)
        finally:
            await database.close()

    assert asyncio.run(state()) == (head(), True)


def test_an_empty_database_is_known_to_be_behind(own_url: str) -> None:
    """Before the migrations a database is not current, which is what stops the service from starting on it."""

    async def behind() -> bool:
        database = open_database(own_url)
        try:
            return await is_current(database)
        finally:
            await database.close()

    assert asyncio.run(behind()) is False


def test_every_key_starts_with_the_organisation(own_url: str) -> None:
    """Read off the live catalogue: primary keys, unique keys and foreign keys begin with the organisation."""
    upgrade(own_url)

    def keys(connection: Connection) -> list[str]:
        inspector = inspect(connection)
        wrong = []
        for table in metadata.tables:
            found: list[list[str | None]] = [[*inspector.get_pk_constraint(table)["constrained_columns"]]]
            found += [[*one["column_names"]] for one in inspector.get_unique_constraints(table)]
            found += [[*one["column_names"]] for one in inspector.get_indexes(table)]
            for foreign in inspector.get_foreign_keys(table):
                found += [[*foreign["constrained_columns"]], [*foreign["referred_columns"]]]
            wrong += [f"{table}: {columns}" for columns in found if not columns or columns[0] != "organisation_id"]
        return wrong

    assert looked_up(own_url, keys) == []


def test_postgresql_has_no_sequences(postgres_url: str) -> None:
    """Ids are made by the service: no sequence exists, so the schema can be spread over machines."""
    url = make_postgres_database(postgres_url)
    upgrade(url)
    assert looked_up(url, lambda c: inspect(c).get_sequence_names()) == []
