"""Create the tables of intake.

Why: organisations, applications, clients, episodes, submissions with their scores, idempotency keys and the log of
events. Organisation first in every key; references of people are keyed digests from the start.
Lock risk: none, the tables are new.
Downgrade: drops every table, with all that is in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122"
down_revision = None
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.String(length=40), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "application_id", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "organisations",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_organisations")),
    )
    op.create_table(
        "applications",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("audience", sa.String(length=20), nullable=False),
        sa.Column("scopes", DOCUMENT, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_applications_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "application_id", name=op.f("pk_applications")),
    )
    op.create_table(
        "clients",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("reference_key", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_clients_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", name=op.f("pk_clients")),
        sa.UniqueConstraint(
            "organisation_id",
            "reference_key",
            "reference",
            name=op.f("uq_clients_organisation_id_reference_key_reference"),
        ),
    )
    op.create_table(
        "enabled_instruments",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("checked_against", sa.String(length=500), nullable=False),
        sa.Column("enabled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_enabled_instruments_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "instrument", name=op.f("pk_enabled_instruments")),
    )
    op.create_table(
        "events",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=True),
        sa.Column("subject", DOCUMENT, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("chain", sa.LargeBinary(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_events_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "event_id", name=op.f("pk_events")),
        sa.UniqueConstraint("organisation_id", "sequence", name=op.f("uq_events_organisation_id_sequence")),
    )
    op.create_table(
        "therapists",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("therapist_id", sa.Uuid(), nullable=False),
        sa.Column("reference_key", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_therapists_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "therapist_id", name=op.f("pk_therapists")),
        sa.UniqueConstraint(
            "organisation_id",
            "reference_key",
            "reference",
            name=op.f("uq_therapists_organisation_id_reference_key_reference"),
        ),
    )
    op.create_table(
        "api_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "application_id"],
            ["applications.organisation_id", "applications.application_id"],
            name=op.f("fk_api_keys_applications"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "key_id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "episodes",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("therapist_id", sa.Uuid(), nullable=False),
        sa.Column("reference_key", sa.String(length=16), nullable=True),
        sa.Column("reference", sa.LargeBinary(length=32), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ending", sa.String(length=10), nullable=True),
        sa.Column("ended_session", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "client_id"],
            ["clients.organisation_id", "clients.client_id"],
            name=op.f("fk_episodes_clients"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "therapist_id"],
            ["therapists.organisation_id", "therapists.therapist_id"],
            name=op.f("fk_episodes_therapists"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "episode_id", name=op.f("pk_episodes")),
        sa.UniqueConstraint(
            "organisation_id",
            "client_id",
            "reference_key",
            "reference",
            name=op.f("uq_episodes_organisation_id_client_id_reference_key_reference"),
        ),
    )
    with op.batch_alter_table("episodes", schema=None) as batch_op:
        batch_op.create_index(
            "uq_episodes_open_without_reference",
            ["organisation_id", "client_id", "therapist_id"],
            unique=True,
            sqlite_where=sa.text("reference IS NULL AND ending IS NULL"),
            postgresql_where=sa.text("reference IS NULL AND ending IS NULL"),
        )

    op.create_table(
        "submissions",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("therapist_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("rater", sa.String(length=10), nullable=False),
        sa.Column("instrument_version", sa.String(length=20), nullable=False),
        sa.Column("instrument_digest", sa.String(length=80), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("planned_sessions", sa.Integer(), nullable=True),
        sa.Column("locale", sa.String(length=20), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=True),
        sa.Column("modality", sa.String(length=40), nullable=True),
        sa.Column("seen_by_therapist", sa.Boolean(), nullable=True),
        sa.Column("answers", DOCUMENT, nullable=False),
        sa.Column("focus", DOCUMENT, nullable=True),
        sa.Column("reported_rupture", sa.Boolean(), nullable=True),
        sa.Column("wish_to_talk", sa.Boolean(), nullable=True),
        sa.Column("ending", sa.String(length=10), nullable=True),
        sa.Column("reported_stage", sa.String(length=30), nullable=True),
        sa.Column("source_key", sa.String(length=16), nullable=True),
        sa.Column("source", sa.LargeBinary(length=32), nullable=True),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("supersedes", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "episode_id"],
            ["episodes.organisation_id", "episodes.episode_id"],
            name=op.f("fk_submissions_episodes"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "submission_id", name=op.f("pk_submissions")),
        sa.UniqueConstraint(
            "organisation_id",
            "episode_id",
            "session_number",
            "instrument",
            "rater",
            name="uq_submissions_one_form_per_place",
        ),
        sa.UniqueConstraint(
            "organisation_id", "source_key", "source", name=op.f("uq_submissions_organisation_id_source_key_source")
        ),
    )
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.create_index("ix_submissions_client", ["organisation_id", "client_id"], unique=False)

    op.create_table(
        "assessments",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("change", DOCUMENT, nullable=False),
        sa.Column("signals", DOCUMENT, nullable=False),
        sa.Column("stage", DOCUMENT, nullable=True),
        sa.Column("recommendations", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "submission_id"],
            ["submissions.organisation_id", "submissions.submission_id"],
            name=op.f("fk_assessments_submissions"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "submission_id", name=op.f("pk_assessments")),
    )
    op.create_table(
        "scores",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("score_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("rater", sa.String(length=10), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=40), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("instrument_version", sa.String(length=20), nullable=False),
        sa.Column("instrument_digest", sa.String(length=80), nullable=False),
        sa.Column("scoring_version", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("mean", sa.Double(), nullable=True),
        sa.Column("sum", sa.Double(), nullable=True),
        sa.Column("minimum", sa.Double(), nullable=True),
        sa.Column("maximum", sa.Double(), nullable=True),
        sa.Column("pomp", sa.Double(), nullable=True),
        sa.Column("prorated", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("answered", sa.SmallInteger(), nullable=False),
        sa.Column("items", sa.SmallInteger(), nullable=False),
        sa.Column("missing", DOCUMENT, nullable=False),
        sa.Column("not_applicable", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "submission_id"],
            ["submissions.organisation_id", "submissions.submission_id"],
            name=op.f("fk_scores_submissions"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "score_id", name=op.f("pk_scores")),
        sa.UniqueConstraint(
            "organisation_id",
            "submission_id",
            "component",
            "scoring_version",
            name=op.f("uq_scores_organisation_id_submission_id_component_scoring_version"),
        ),
    )
    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.create_index(
            "ix_scores_series",
            ["organisation_id", "episode_id", "instrument", "rater", "component", "session_number"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.drop_index("ix_scores_series")

    op.drop_table("scores")
    op.drop_table("assessments")
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.drop_index("ix_submissions_client")

    op.drop_table("submissions")
    with op.batch_alter_table("episodes", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_episodes_open_without_reference",
            sqlite_where=sa.text("reference IS NULL AND ending IS NULL"),
            postgresql_where=sa.text("reference IS NULL AND ending IS NULL"),
        )

    op.drop_table("episodes")
    op.drop_table("api_keys")
    op.drop_table("therapists")
    op.drop_table("events")
    op.drop_table("enabled_instruments")
    op.drop_table("clients")
    op.drop_table("applications")
    op.drop_table("organisations")
    op.drop_table("idempotency_keys")
