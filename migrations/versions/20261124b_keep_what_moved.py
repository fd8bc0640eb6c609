"""Keep what moved: signals with all their states, norms, counts over forms, teams, and what a caseload asks for.

Why: a signal has a life of its own (`signals`, and in `signal_changes` every state it was in); an organisation's own
norms are estimated from counts that intake keeps (`statistics`, `series_statistics`), and a form names the norm it was
held against (`norm_id`); a caseload asks when a client's last form came and when the next is due; the feed of changes
numbers events after they are committed, so it looks for those without a number. What episodes carry from form to form
(`course`) is dropped: the next form makes it anew, with signals.
Lock risk: new tables and columns that are null; one statement writes every episode: migrate in a quiet hour.
Downgrade: loses signals, acknowledgements, norms, counts, teams and schedules; forms, scores and assessments stay.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124b"
down_revision = "20261124"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
INTEGERS = sa.JSON().with_variant(postgresql.ARRAY(sa.BigInteger()), "postgresql")


def upgrade() -> None:
    _create_signals()
    _create_statistics()
    _create_teams()
    op.add_column("episodes", sa.Column("last_session", sa.Integer(), nullable=True))
    op.add_column("episodes", sa.Column("last_completed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("episodes", sa.Column("expected_sessions", sa.Integer(), nullable=True))
    op.add_column("episodes", sa.Column("cadence_days", sa.SmallInteger(), nullable=True))
    op.create_index(
        "ix_episodes_open",
        "episodes",
        ["organisation_id", "therapist_id"],
        unique=False,
        sqlite_where=sa.text("ending IS NULL"),
        postgresql_where=sa.text("ending IS NULL"),
    )
    op.create_index(
        "ix_events_unsealed",
        "events",
        ["organisation_id", "event_id"],
        unique=False,
        sqlite_where=sa.text("sequence IS NULL"),
        postgresql_where=sa.text("sequence IS NULL"),
    )
    op.add_column("submissions", sa.Column("norm_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE episodes SET course = NULL, "
        "last_session = (SELECT max(s.session_number) FROM submissions s WHERE s.organisation_id = "
        "episodes.organisation_id AND s.episode_id = episodes.episode_id AND s.current), "
        "last_completed_at = (SELECT max(s.completed_at) FROM submissions s WHERE s.organisation_id = "
        "episodes.organisation_id AND s.episode_id = episodes.episode_id AND s.current)"
    )


def _create_signals() -> None:
    op.create_table(
        "signal_changes",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("closed_session", sa.Integer(), nullable=True),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("because_of", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "signal_id", "change_id", name=op.f("pk_signal_changes")),
    )
    op.create_table(
        "signals",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("therapist_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("rater", sa.String(length=10), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("opened_session", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("closed_session", sa.Integer(), nullable=True),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "episode_id"],
            ["episodes.organisation_id", "episodes.episode_id"],
            name=op.f("fk_signals_episodes"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "episode_id", "signal_id", name=op.f("pk_signals")),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("acknowledgement_id", sa.Uuid(), nullable=False),
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("acting", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "signal_id", "acknowledgement_id", name=op.f("pk_acknowledgements")),
        sa.UniqueConstraint("organisation_id", "key", name=op.f("uq_acknowledgements_organisation_id_key")),
    )


def _create_statistics() -> None:
    op.create_table(
        "norms",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("norm_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("instrument_version", sa.String(length=20), nullable=False),
        sa.Column("rater", sa.String(length=10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("estimated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("norm", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "norm_id", name=op.f("pk_norms")),
    )
    op.create_index(
        "uq_norms_active",
        "norms",
        ["organisation_id", "instrument", "instrument_version", "rater"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_index(
        "uq_norms_number",
        "norms",
        ["organisation_id", "instrument", "instrument_version", "rater", "number"],
        unique=True,
    )
    op.create_table(
        "series_statistics",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("instrument_version", sa.String(length=20), nullable=False),
        sa.Column("rater", sa.String(length=10), nullable=False),
        sa.Column("forms", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("squares", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organisation_id",
            "episode_id",
            "instrument",
            "instrument_version",
            "rater",
            name=op.f("pk_series_statistics"),
        ),
    )
    op.create_table(
        "statistics",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("instrument_version", sa.String(length=20), nullable=False),
        sa.Column("rater", sa.String(length=10), nullable=False),
        sa.Column("forms", sa.Integer(), nullable=False),
        sa.Column("counts", INTEGERS, nullable=False),
        sa.PrimaryKeyConstraint(
            "organisation_id", "instrument", "instrument_version", "rater", name=op.f("pk_statistics")
        ),
    )


def _create_teams() -> None:
    op.create_table(
        "teams",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_teams_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "team_id", name=op.f("pk_teams")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_teams_organisation_id_name")),
    )
    op.create_table(
        "memberships",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("therapist_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "team_id"],
            ["teams.organisation_id", "teams.team_id"],
            name=op.f("fk_memberships_teams"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "team_id", "therapist_id", "role", name=op.f("pk_memberships")),
    )


def downgrade() -> None:
    op.execute("UPDATE episodes SET course = NULL")
    op.drop_column("submissions", "norm_id")
    op.drop_index(
        "ix_events_unsealed",
        table_name="events",
        sqlite_where=sa.text("sequence IS NULL"),
        postgresql_where=sa.text("sequence IS NULL"),
    )
    op.drop_index(
        "ix_episodes_open",
        table_name="episodes",
        sqlite_where=sa.text("ending IS NULL"),
        postgresql_where=sa.text("ending IS NULL"),
    )
    op.drop_column("episodes", "cadence_days")
    op.drop_column("episodes", "expected_sessions")
    op.drop_column("episodes", "last_completed_at")
    op.drop_column("episodes", "last_session")
    op.drop_table("acknowledgements")
    op.drop_table("signals")
    op.drop_table("memberships")
    op.drop_table("teams")
    op.drop_table("statistics")
    op.drop_table("signal_changes")
    op.drop_table("series_statistics")
    op.drop_index("uq_norms_number", table_name="norms")
    op.drop_index(
        "uq_norms_active", table_name="norms", sqlite_where=sa.text("active"), postgresql_where=sa.text("active")
    )
    op.drop_table("norms")
