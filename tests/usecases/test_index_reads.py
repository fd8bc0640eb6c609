"""PostgreSQL reads few index entries for a form, also before it has ever analysed the tables.

A foreign key is checked through whatever index the planner takes for it, and on tables without statistics that may be
one that begins with the organisation and goes on with something else: then every check reads the whole organisation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal

from tests.harness import Service, form, inspectors_url, make_postgres_database

TABLES = ("submissions", "scores", "assessments", "clients", "therapists", "idempotency_keys")
CLIENTS, SESSIONS = 50, 3

# Of the episodes only the primary key: before the first ANALYZE the foreign key of submissions reads another index.
INDEXES = """
    SELECT indexrelname AS name, idx_scan AS scans, idx_tup_read AS read
    FROM pg_stat_user_indexes WHERE relname = ANY($1::text[]) OR indexrelname = 'pk_episodes'
"""
SEQUENCES = "SELECT relname AS name, seq_tup_read AS read FROM pg_stat_user_tables WHERE relname = ANY($1::text[])"
INSERTED = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'submissions'"


async def query(url: str, work: Callable[[asyncpg.Connection], Any]) -> Any:
    """Ask on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return await work(connection)
    finally:
        await connection.close()


def read_by_intake(url: str, portal: BlockingPortal, secrets: Path, *statements: str) -> tuple[list[str], list[str]]:
    """Take a caseload in on a new database; list the indexes and the tables of which too much was read."""
    with Service.start(url, portal, secrets=secrets) as service:
        for statement in statements:
            portal.call(query, inspectors_url(url), lambda c, statement=statement: c.execute(statement))
        clinic = service.clinic()
        for session in range(1, SESSIONS + 1):
            for client in range(CLIENTS):
                clinic.recorded(
                    form(client_ref=f"mrn-{client}", therapist_ref=f"th-{client % 5}", session_number=session)
                )

    async def statistics(connection: asyncpg.Connection) -> tuple[list[str], list[str]]:
        async with asyncio.timeout(20):
            while await connection.fetchval(INSERTED) < CLIENTS * SESSIONS:  # noqa: ASYNC110 - others tell when they end
                await asyncio.sleep(0.05)
        indexes = await connection.fetch(INDEXES, TABLES)
        sequences = await connection.fetch(SEQUENCES, (*TABLES, "episodes"))
        assert sum(row["scans"] for row in indexes) > CLIENTS * SESSIONS * 5
        return (
            [f"{row['name']}: {row['read']} in {row['scans']}" for row in indexes if row["read"] > 5 * row["scans"]],
            [f"{row['name']}: {row['read']}" for row in sequences if row["read"] > 2 * CLIENTS * SESSIONS],
        )

    found: tuple[list[str], list[str]] = portal.call(query, inspectors_url(url), statistics)
    return found


def test_intake_reads_few_entries_of_each_index(postgres_url: str, portal: BlockingPortal, tmp_path: Path) -> None:
    """A hundred and fifty forms of fifty clients on a new database: about one entry for each look into an index."""
    url = make_postgres_database(postgres_url)
    assert read_by_intake(url, portal, tmp_path / "s") == ([], [])


@pytest.mark.parametrize("columns", ["organisation_id, client_id", "organisation_id, instrument"])
def test_an_index_that_misleads_the_foreign_keys_is_found(
    postgres_url: str, portal: BlockingPortal, tmp_path: Path, columns: str
) -> None:
    """The planted index is taken for the checks, or spoils what is read: the measurement above would tell."""
    url = make_postgres_database(postgres_url)
    planted = f"CREATE INDEX ix_planted ON submissions ({columns})"
    indexes, _ = read_by_intake(url, portal, tmp_path / "s", planted)
    assert any(one.startswith("ix_planted: ") for one in indexes), indexes
