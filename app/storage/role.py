"""What a PostgreSQL role must not be for the second wall to stand: the service asks before it serves."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, text

from app.errors import Misconfigured
from app.storage.database import Database
from app.storage.tables import metadata

#: A member may become what it is a member of, so both are asked. `session_user`: SET ROLE can be taken back.
_ROLE = text(
    """
    SELECT
        session_user,
        (SELECT bool_or(rolsuper) FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER')),
        (SELECT bool_or(rolbypassrls) FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER')),
        array_agg(relname ORDER BY relname) FILTER (WHERE pg_has_role(session_user, relowner, 'MEMBER')),
        array_agg(relname ORDER BY relname) FILTER (WHERE NOT (relrowsecurity AND relforcerowsecurity)),
        array_agg(relname ORDER BY relname) FILTER (WHERE NOT has_table_privilege(oid, 'SELECT')),
        (SELECT bool_or(has_database_privilege(oid, current_database(), 'TEMPORARY'))
            FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER')),
        quote_ident(current_database()),
        (SELECT array_agg(format('%I on %I', polname, polrelid::regclass) ORDER BY polname, polrelid)
            FROM pg_policy WHERE polpermissive AND polrelid = ANY (array_agg(pg_class.oid))
            AND (0 = ANY (polroles) OR EXISTS (
                SELECT FROM pg_roles WHERE oid = ANY (polroles) AND pg_has_role(session_user, oid, 'MEMBER')))
            AND NOT (polname = 'bound_organisation' AND :bound = ALL (
                ARRAY[pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)])))
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname IN :tables
    """
).bindparams(bindparam("tables", expanding=True))
#: What each table's policy says, as PostgreSQL spells it. Of policies one that allows is enough: no other may be there.
_BOUND: Final = "(organisation_id = (NULLIF(current_setting('alliance.organisation'::text, true), ''::text))::uuid)"
#: Every login may make temporary tables unless its database says otherwise, and only who owns the database may say.
_CLOSE_TO_TEMPORARY = text(
    """
    DO $$
    BEGIN
        IF has_database_privilege('public', current_database(), 'TEMPORARY') AND pg_has_role(
            (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()), 'USAGE')
        THEN
            EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
        END IF;
    END
    $$
    """
)
#: How an operator mends it.
_REMEDY: Final = "give the service a login of its own that is a member of alliance_service and owns nothing"


def _wrong(connection: Connection) -> str:
    asked = {"tables": sorted(metadata.tables), "bound": _BOUND}
    found = connection.execute(_ROLE, asked).one()
    role, is_super, bypasses, owned, open_to_all, closed, temporary, database, doors = found
    revoke = f"as the owner of the database, `REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {role}`"
    for wrong, says, remedy in (
        (is_super, "is a superuser", _REMEDY),
        (bypasses, "has BYPASSRLS", _REMEDY),
        (owned, f"owns {_some(owned)}", _REMEDY),
        (open_to_all, f"finds no forced row-level security on {_some(open_to_all)}", "run `alliance migrate`"),
        (
            doors,
            f"is let through the wall by {_some(doors)}",
            "drop that policy, or make it again as the migration did",
        ),
        (closed, f"may not read {_some(closed)}", _REMEDY),
        (temporary, "may make temporary tables, which can stand in for ours", revoke),
    ):
        if wrong:
            return f"the database role {role} {says}: {remedy}"
    return ""


def _some(names: list[str] | None) -> str:
    found = names or []
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def close_to_temporary(connection: Connection) -> None:
    """Keep everybody but its owner from making temporary tables in a database, where who asks may decide that."""
    connection.execute(_CLOSE_TO_TEMPORARY)


async def what_is_wrong_with_role(database: Database) -> str:
    """Say why the service must not run with this role, or nothing; SQLite has no roles."""
    return "" if database.name == "sqlite" else await database.read(_wrong, organisation=None)


async def check_role(database: Database) -> None:
    """Refuse a role that the second wall would not hold."""
    if wrong := await what_is_wrong_with_role(database):
        raise Misconfigured(wrong)
