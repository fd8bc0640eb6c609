"""The second wall as the live catalogues describe it: forced policies, few rights, and events that stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.storage.migrate import downgrade
from app.storage.tables import metadata
from tests.harness import (
    OWNER,
    SERVICE,
    Clinic,
    form,
    inspectors_url,
    looked_up,
    make_postgres_database,
    migrate,
    owners_url,
)

BOUND = "(organisation_id = (NULLIF(current_setting('alliance.organisation'::text, true), ''::text))::uuid)"
#: Policies beside the one that every table has: the owner lists organisations; a numbered event is not numbered again.
BESIDE = {
    ("organisations", "listed_by_owner", "PERMISSIVE", "SELECT", f"{{{OWNER}}}", "true", None),
    ("events", "sealed_once", "RESTRICTIVE", "UPDATE", "{public}", "(sequence IS NULL)", "true"),
}


@pytest.fixture(scope="module")
def walled(postgres_url: str) -> str:
    """A migrated database of the module's own."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    return url


def asked(url: str, query: str) -> list[tuple[object, ...]]:
    """Ask a database for some rows."""
    return looked_up(inspectors_url(url), lambda c: [tuple(row) for row in c.execute(text(query))])


def changed(url: str, statement: str) -> None:
    """Change a database as its owner."""
    looked_up(owners_url(url), lambda c: c.execute(text(statement)).close())


TENANT_TABLES = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, r.rolname, r.rolsuper OR r.rolbypassrls
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id'
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""
POLICIES = """
    SELECT tablename, policyname, permissive, cmd, roles::text, qual, with_check
    FROM pg_policies WHERE schemaname = 'public'
"""


def test_every_tenant_table_is_behind_the_wall(walled: str) -> None:
    """Whatever table has an organisation: enabled, forced, of an owner whom it binds, with the one policy."""
    tables = asked(walled, TENANT_TABLES)
    assert {row[0] for row in tables} == set(metadata.tables)
    assert {row[1:] for row in tables} == {(True, True, OWNER, False)}
    policies = set(asked(walled, POLICIES))
    expected = {(name, "bound_organisation", "PERMISSIVE", "ALL", "{public}", BOUND, BOUND) for name in metadata.tables}
    assert policies == expected | BESIDE


def test_a_table_that_was_forgotten_is_found(postgres_url: str) -> None:
    """Planted: a new tenant table without a wall, and one whose wall is not forced."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    planted = ("CREATE TABLE forgotten (organisation_id uuid)", "ALTER TABLE norms NO FORCE ROW LEVEL SECURITY")
    for statement in planted:
        changed(url, statement)
    found = {row[0] for row in asked(url, TENANT_TABLES) if row[1:] != (True, True, OWNER, False)}
    assert found == {"forgotten", "norms"}


def test_no_view_and_no_function_leads_around_the_wall(walled: str) -> None:
    """A view that is not its reader's own, or a function with its owner's rights, would see everything."""
    views = """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND (relkind = 'm' OR relkind = 'v'
            AND NOT coalesce(reloptions::text[] && ARRAY['security_invoker=true', 'security_invoker=on'], false))
    """
    functions = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    assert (asked(walled, views), asked(walled, functions)) == ([], [])


def test_every_index_begins_with_the_organisation(walled: str) -> None:
    """Keys among them: an index over organisations would answer for all of them."""
    query = """
        SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
            AND a.attname <> 'organisation_id'
    """
    assert asked(walled, query) == []


def test_the_service_has_the_rights_it_needs(walled: str) -> None:
    """Nothing on a schema or a server; of events it adds, reads, and numbers."""
    rights = f"""
        SELECT string_agg(privilege, ' ' ORDER BY privilege) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE',
            'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege WHERE has_table_privilege('{SERVICE}', %r, privilege)
    """  # noqa: S608 - names of our own
    found = {name: asked(walled, rights % name)[0][0] for name in ("events", "erasures", "clients", "alembic_version")}
    assert found == {
        "events": "INSERT SELECT",
        "erasures": "INSERT SELECT UPDATE",
        "clients": "DELETE INSERT SELECT UPDATE",
        "alembic_version": "SELECT",
    }
    columns = f"""
        SELECT attname FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0
            AND has_column_privilege('{SERVICE}', attrelid, attname, 'UPDATE') ORDER BY attname
    """  # noqa: S608
    assert asked(walled, columns) == [("chain",), ("sequence",)]
    assert asked(walled, f"SELECT has_schema_privilege('{SERVICE}', 'public', 'CREATE')") == [(False,)]
    makes = "SELECT {}, has_database_privilege('{}', current_database(), 'TEMPORARY')"
    assert asked(walled, makes.format("'service'", SERVICE)) == [("service", False)]
    assert asked(walled, makes.format("'owner'", OWNER)) == [("owner", True)]


def test_the_wall_comes_down_and_goes_up_while_another_database_stands(postgres_url: str, walled: str) -> None:
    """The group role belongs to the whole server: a downgrade leaves it to the others."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    downgrade(owners_url(url), revision="20261125")
    assert asked(url, POLICIES) == []
    assert asked(url, f"SELECT has_table_privilege('{SERVICE}', 'clients', 'SELECT')") == [(False,)]
    assert asked(walled, f"SELECT has_table_privilege('{SERVICE}', 'clients', 'SELECT')") == [(True,)]
    migrate(url)
    assert set(asked(url, POLICIES)) == set(asked(walled, POLICIES))


REWRITTEN = {
    "deleted": "DELETE FROM events WHERE organisation_id = :organisation",
    "rewritten": "UPDATE events SET kind = 'x' WHERE organisation_id = :organisation",
    "numbered again": "UPDATE events SET sequence = -sequence WHERE organisation_id = :organisation AND sequence > 0",
}


@pytest.mark.parametrize("statement", REWRITTEN.values(), ids=REWRITTEN)
def test_an_event_stays_as_it_is(clinic: Clinic, statement: str) -> None:
    """On both databases the service itself can't change what is numbered: refused, or no row is found."""
    clinic.recorded(form())
    assert clinic.get("/v1/changes", params={"after": 0}).status_code == 200  # numbers them
    kept = text("SELECT * FROM events ORDER BY event_id")
    before = clinic.service.read(lambda c: [tuple(row) for row in c.execute(kept)])

    def work(connection: Connection) -> int:
        organisation = clinic.organisation
        sent = {"organisation": organisation.hex if connection.dialect.name == "sqlite" else organisation}
        return connection.execute(text(statement), sent).rowcount

    try:
        assert clinic.service.in_service(work, organisation=clinic.organisation) == 0
    except (DBAPIError, IntegrityError) as error:
        assert any(word in str(error) for word in ("permission denied", "events_are_"))  # noqa: PT017
    assert clinic.service.read(lambda c: [tuple(row) for row in c.execute(kept)]) == before


def test_sqlite_keeps_the_rest_of_a_new_event_too(tmp_path: Path) -> None:
    """Not yet numbered, its number is the one thing that may be written."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    migrate(url)

    def work(connection: Connection) -> list[str]:
        connection.execute(text("INSERT INTO organisations VALUES ('o', 'Clinic', '2026-01-01')"))
        connection.execute(
            text(
                "INSERT INTO events (organisation_id, event_id, kind, subject, recorded_at) "
                "VALUES ('o', 'e', 'k', '{}', '2026-01-01')"
            )
        )
        refused = []
        for change in ("sequence = 1", "sequence = 2", "chain = x'00'", "kind = 'x'"):
            try:
                connection.execute(text(f"UPDATE events SET {change}"))  # noqa: S608 - of the list above
            except IntegrityError:
                refused.append(change)
        return refused

    assert looked_up(url, work) == ["sequence = 2", "chain = x'00'", "kind = 'x'"]
