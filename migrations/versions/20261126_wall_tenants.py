"""Wall the organisations off from each other in the database itself.

Why: a statement that forgot its organisation would read or change another clinic's rows. On PostgreSQL the service's
role now sees the rows of that organisation only to which its transaction is bound (ADR 11), the owner too, and has no
right that it does not need: events are neither deleted nor rewritten. SQLite has no roles: it keeps its events by
triggers.
Lock risk: each table is locked for a moment; nothing is rewritten.
Downgrade: takes the policies and the rights away; the role `alliance_service` stays, other databases may use it.
"""

from __future__ import annotations

from alembic import op

revision = "20261126"
down_revision = "20261125"
branch_labels = None
depends_on = None

ROLE = "alliance_service"
ALL = "SELECT, INSERT, UPDATE, DELETE"
#: Facts that nobody takes back: also an erasure leaves them.
KEPT = "SELECT, INSERT, UPDATE"
RIGHTS = {
    "organisations": KEPT,
    "applications": ALL,
    "api_keys": ALL,
    "enabled_instruments": ALL,
    "clients": ALL,
    "therapists": ALL,
    "episodes": ALL,
    "submissions": ALL,
    "sources": ALL,
    "withdrawals": ALL,
    "scores": ALL,
    "assessments": ALL,
    "signals": ALL,
    "signal_changes": ALL,
    "acknowledgements": ALL,
    "idempotency_keys": ALL,
    "events": "SELECT, INSERT, UPDATE (sequence, chain)",
    "statistics": ALL,
    "series_statistics": ALL,
    "norms": ALL,
    "teams": ALL,
    "memberships": ALL,
    "organisation_keys": KEPT,
    "client_keys": ALL,
    "application_key_sets": ALL,
    "issuers": ALL,
    "used_assertions": ALL,
    "invitations": ALL,
    "organisation_settings": ALL,
    "consents": ALL,
    "legal_holds": ALL,
    "erasures": KEPT,
    "chain_heads": KEPT,
    "safeguarding_settings": ALL,
    "safeguarding_recipients": ALL,
    "safety_checks": ALL,
    "safety_steps": ALL,
}
BOUND = "organisation_id = nullif(current_setting('alliance.organisation', true), '')::uuid"
FIXED = "organisation_id, event_id, kind, application_id, subject, recorded_at"
TRIGGERS = {
    "events_are_never_deleted": "BEFORE DELETE ON events",
    "events_are_never_rewritten": f"BEFORE UPDATE OF {FIXED} ON events",
    "events_are_sealed_once": "BEFORE UPDATE OF sequence, chain ON events WHEN OLD.sequence IS NOT NULL",
}


def upgrade() -> None:
    """Build the wall."""
    if op.get_bind().dialect.name == "sqlite":
        for name, when in TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{name}'); END")
        return
    _make_role()
    op.execute(f"GRANT SELECT ON alembic_version TO {ROLE}")
    for table, rights in RIGHTS.items():
        op.execute(f"GRANT {rights} ON {table} TO {ROLE}")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY bound_organisation ON {table} USING ({BOUND}) WITH CHECK ({BOUND})")
    # What runs over all organisations asks the owner which there are, and binds itself to each.
    op.execute("CREATE POLICY listed_by_owner ON organisations FOR SELECT TO CURRENT_USER USING (true)")
    # The first policy allows, this one forbids: an event that has its number keeps it.
    op.execute(
        "CREATE POLICY sealed_once ON events AS RESTRICTIVE FOR UPDATE USING (sequence IS NULL) WITH CHECK (true)"
    )


def _make_role() -> None:
    """Make the group role of the whole server; another database's migration may have made it, or be making it now."""
    op.execute(
        f"""
        DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{ROLE}') THEN
                CREATE ROLE {ROLE} NOLOGIN;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END
        $$
        """
    )


def downgrade() -> None:
    """Take the wall down."""
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        return
    op.execute("DROP POLICY sealed_once ON events")
    op.execute("DROP POLICY listed_by_owner ON organisations")
    for table in RIGHTS:
        op.execute(f"DROP POLICY bound_organisation ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM {ROLE}")
    op.execute(f"REVOKE ALL ON alembic_version FROM {ROLE}")
