"""Keep histories: corrections, withdrawals, revisions of assessments, and what an episode carries from form to form.

Why: a correction supersedes, so only one *current* form holds a place; an answer that was given stays readable when a
late form changes what is said (revision 1 is what was answered); a form may have several ids of its senders; an episode
keeps the state that its next form builds on (`course`, made from the forms at the next one where it is null); a key may
open one client or one therapist only. Of a recommendation its id, the catalogue's version and its reasons are kept; the
words stand in the catalogue, in every language (all ids written before are in version 1.0.0).
Lock risk: rewrites submissions and assessments on SQLite; on PostgreSQL two new indexes on submissions and a copy of
assessments, each under an exclusive lock: migrate in a quiet hour.
Downgrade: loses corrections, withdrawals, later revisions, all but one source of a form and the recommendations, whose
words the older version kept in each row; the first answers stay otherwise.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124"
down_revision = "20261122"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
PLACE = ["organisation_id", "episode_id", "session_number", "instrument", "rater"]
SOURCE = "uq_submissions_organisation_id_source_key_source"
SERIES = ["organisation_id", "episode_id", "instrument", "rater", "component", "session_number"]


def upgrade() -> None:
    op.add_column("episodes", sa.Column("course", DOCUMENT, nullable=True))
    op.add_column("api_keys", sa.Column("client_id", sa.Uuid(), nullable=True))
    op.add_column("api_keys", sa.Column("therapist_id", sa.Uuid(), nullable=True))
    _create_sources()
    with op.batch_alter_table("submissions") as batch:
        batch.drop_constraint("uq_submissions_one_form_per_place", type_="unique")
        batch.drop_constraint(SOURCE, type_="unique")
        batch.drop_column("source")
        batch.drop_column("source_key")
        batch.add_column(sa.Column("current", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("submissions") as batch:
        batch.alter_column("current", server_default=None)
    for name, columns, where in (
        ("uq_submissions_one_form_per_place", PLACE, "current"),
        ("uq_submissions_superseded_once", ["organisation_id", "supersedes"], "supersedes IS NOT NULL"),
    ):
        op.create_index(
            name, "submissions", columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    op.drop_index("ix_scores_series", "scores")
    # On a table that was empty when it was planned, PostgreSQL checks foreign keys by any index that begins with the
    # organisation, and so reads all of its forms for each score: only the primary key may be in the running.
    op.drop_index("ix_submissions_client", "submissions")
    _create_withdrawals()
    _copy_assessments()


def _create_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("source_key", sa.String(length=16), nullable=False),
        sa.Column("source", sa.LargeBinary(length=32), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "submission_id"],
            ["submissions.organisation_id", "submissions.submission_id"],
            name=op.f("fk_sources_submissions"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "source_key", "source", name=op.f("pk_sources")),
    )
    op.execute(
        "INSERT INTO sources (organisation_id, source_key, source, submission_id) "
        "SELECT organisation_id, source_key, source, submission_id FROM submissions WHERE source IS NOT NULL"
    )


def _create_withdrawals() -> None:
    op.create_table(
        "withdrawals",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recomputed_later_sessions", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "submission_id"],
            ["submissions.organisation_id", "submissions.submission_id"],
            name=op.f("fk_withdrawals_submissions"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "submission_id", name=op.f("pk_withdrawals")),
    )


def _assessments(*more: sa.Column[object], key: list[str]) -> None:
    op.create_table(
        "assessments",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        *more,
        sa.Column("change", DOCUMENT, nullable=False),
        sa.Column("signals", DOCUMENT, nullable=False),
        sa.Column("stage", DOCUMENT, nullable=True),
        sa.Column("recommendations", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "submission_id"],
            ["submissions.organisation_id", "submissions.submission_id"],
            name=op.f("fk_assessments_submissions"),
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_assessments")),
    )


def _set_aside() -> None:
    """Free the names: on PostgreSQL a constraint's name stays taken when its table is renamed."""
    op.rename_table("assessments", "assessments_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE assessments_before DROP CONSTRAINT pk_assessments")
        op.execute("ALTER TABLE assessments_before DROP CONSTRAINT fk_assessments_submissions")


def _without_words() -> str:
    """Select what is kept of recommendations: id, catalogue and reasons."""
    if op.get_bind().dialect.name == "postgresql":
        return (
            "(SELECT coalesce(jsonb_agg(jsonb_build_object('id', r -> 'id', 'catalogue', "
            "coalesce(r ->> 'catalogue', '1.0.0'), 'because', r -> 'because') ORDER BY place), '[]') "
            "FROM jsonb_array_elements(a.recommendations) WITH ORDINALITY AS one (r, place))"
        )
    return (
        "(SELECT coalesce(json_group_array(json_object('id', json_extract(value, '$.id'), 'catalogue', "
        "coalesce(json_extract(value, '$.catalogue'), '1.0.0'), 'because', json_extract(value, '$.because'))), '[]') "
        "FROM (SELECT value FROM json_each(a.recommendations) ORDER BY key))"
    )


def _copy_assessments() -> None:
    _set_aside()
    _assessments(
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("because_of", sa.Uuid(), nullable=True),
        sa.Column("recomputed_later_sessions", sa.Integer(), nullable=False),
        key=["organisation_id", "submission_id", "revision"],
    )
    op.execute(
        "INSERT INTO assessments "  # noqa: S608 - our own expression
        "(organisation_id, submission_id, revision, made_at, recomputed_later_sessions, "
        "change, signals, stage, recommendations) "
        "SELECT a.organisation_id, a.submission_id, 1, s.received_at, 0, a.change, a.signals, a.stage, "
        f"{_without_words()} FROM assessments_before a JOIN submissions s "
        "ON s.organisation_id = a.organisation_id AND s.submission_id = a.submission_id"
    )
    op.drop_table("assessments_before")


def downgrade() -> None:
    op.execute("DELETE FROM scores WHERE submission_id IN (SELECT submission_id FROM submissions WHERE NOT current)")
    _set_aside()
    _assessments(key=["organisation_id", "submission_id"])
    op.execute(
        "INSERT INTO assessments (organisation_id, submission_id, change, signals, stage, recommendations) "
        "SELECT a.organisation_id, a.submission_id, a.change, a.signals, a.stage, '[]' "
        "FROM assessments_before a JOIN submissions s ON s.organisation_id = a.organisation_id "
        "AND s.submission_id = a.submission_id WHERE a.revision = 1 AND s.current"
    )
    op.drop_table("assessments_before")
    op.drop_table("withdrawals")
    op.execute("DELETE FROM sources WHERE submission_id IN (SELECT submission_id FROM submissions WHERE NOT current)")
    op.drop_index("uq_submissions_superseded_once", "submissions")
    op.drop_index("uq_submissions_one_form_per_place", "submissions")
    op.add_column("submissions", sa.Column("source_key", sa.String(length=16), nullable=True))
    op.add_column("submissions", sa.Column("source", sa.LargeBinary(length=32), nullable=True))
    op.execute(
        "UPDATE submissions SET (source_key, source) = (SELECT source_key, source FROM sources "
        "WHERE sources.organisation_id = submissions.organisation_id "
        "AND sources.submission_id = submissions.submission_id LIMIT 1)"
    )
    op.drop_table("sources")
    op.execute("DELETE FROM submissions WHERE NOT current")
    with op.batch_alter_table("submissions") as batch:
        batch.drop_column("current")
        batch.create_unique_constraint("uq_submissions_one_form_per_place", PLACE)
        batch.create_unique_constraint(SOURCE, ["organisation_id", "source_key", "source"])
    op.create_index("ix_scores_series", "scores", SERIES)
    op.create_index("ix_submissions_client", "submissions", ["organisation_id", "client_id"])
    # Unbound, a key of one person's would open the whole organisation.
    op.execute(
        "UPDATE api_keys SET revoked_at = CURRENT_TIMESTAMP "
        "WHERE revoked_at IS NULL AND (client_id IS NOT NULL OR therapist_id IS NOT NULL)"
    )
    op.drop_column("api_keys", "therapist_id")
    op.drop_column("api_keys", "client_id")
    op.drop_column("episodes", "course")
