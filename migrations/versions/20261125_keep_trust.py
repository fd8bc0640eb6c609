"""Keep what trust rests on: keys, tokens, invitations, rights of the person, safety checks.

Why: what a person could be known by is sealed with keys of its own (`organisation_keys`, `client_keys`; the columns
`sealed_*`); applications prove who they are by signatures, and a form that is due has a one-time token; consent, legal
holds and erasures are facts with a time; safety checks are kept apart from everything else; the end of each log of
events is known (`chain_heads`). References of before have a digest only, of which no sealed copy can be made: they are
missing from a person's export.
Lock risk: new tables and columns that are null; on SQLite three tables of operators and people are made anew.
Downgrade: loses comments, references for export, consents, holds, invitations, safety checks and the tombstones of
those erased; forms, scores, signals and events stay. An acknowledgement whose person was sealed says `unknown`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261125"
down_revision = "20261124c"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
#: Tables in the order of their making, so that they can be dropped in the other one.
MADE = (
    "organisation_keys",
    "client_keys",
    "application_key_sets",
    "issuers",
    "used_assertions",
    "invitations",
    "organisation_settings",
    "consents",
    "legal_holds",
    "erasures",
    "chain_heads",
    "safeguarding_settings",
    "safeguarding_recipients",
    "safety_checks",
    "safety_steps",
)
SEALED = {
    "clients": "sealed_reference",
    "therapists": "sealed_reference",
    "episodes": "sealed_reference",
    "submissions": "sealed_comment",
    "acknowledgements": "sealed_acting",
}


def upgrade() -> None:
    """Make the tables, and the columns of what is sealed."""
    _create_keys()
    _create_tokens()
    _create_people()
    _create_safeguarding()
    for table, column in SEALED.items():
        op.add_column(table, sa.Column(column, sa.LargeBinary(), nullable=True))
    op.add_column("applications", sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False))
    with op.batch_alter_table("acknowledgements") as batch:
        batch.alter_column("acting", existing_type=sa.String(length=100), nullable=True)


def downgrade() -> None:
    """Drop them again."""
    op.execute("UPDATE acknowledgements SET acting = 'unknown' WHERE acting IS NULL")
    with op.batch_alter_table("acknowledgements") as batch:
        batch.alter_column("acting", existing_type=sa.String(length=100), nullable=False)
    with op.batch_alter_table("applications") as batch:
        batch.drop_column("epoch")
    for table, column in SEALED.items():
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
    for table in reversed(MADE):
        op.drop_table(table)


def _create_keys() -> None:
    op.create_table(
        "organisation_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("master_key", sa.String(length=16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_organisation_keys_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "key_id", name=op.f("pk_organisation_keys")),
    )
    op.create_table(
        "client_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_key", sa.Uuid(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", "key_id", name=op.f("pk_client_keys")),
    )


def _create_tokens() -> None:
    op.create_table(
        "application_key_sets",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("jwks", DOCUMENT, nullable=True),
        sa.Column("jwks_url", sa.String(length=500), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "application_id"],
            ["applications.organisation_id", "applications.application_id"],
            name=op.f("fk_application_key_sets_applications"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "application_id", name=op.f("pk_application_key_sets")),
    )
    op.create_table(
        "issuers",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("issuer_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("jwks_url", sa.String(length=500), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("claims", DOCUMENT, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "application_id"],
            ["applications.organisation_id", "applications.application_id"],
            name=op.f("fk_issuers_applications"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "issuer_id", name=op.f("pk_issuers")),
        sa.UniqueConstraint("organisation_id", "issuer", name=op.f("uq_issuers_organisation_id_issuer")),
    )
    op.create_table(
        "used_assertions",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("assertion", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "application_id", "assertion", name=op.f("pk_used_assertions")),
    )
    op.create_index("ix_used_assertions_expired", "used_assertions", ["organisation_id", "expires_at"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("invitation_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("therapist_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.String(length=40), nullable=False),
        sa.Column("instrument_version", sa.String(length=20), nullable=False),
        sa.Column("rater", sa.String(length=10), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("sealed_form", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submission_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "client_id"],
            ["clients.organisation_id", "clients.client_id"],
            name=op.f("fk_invitations_clients"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "therapist_id"],
            ["therapists.organisation_id", "therapists.therapist_id"],
            name=op.f("fk_invitations_therapists"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "invitation_id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("organisation_id", "key", name=op.f("uq_invitations_organisation_id_key")),
    )
    op.create_index("ix_invitations_client", "invitations", ["organisation_id", "client_id"], unique=False)


def _create_people() -> None:
    op.create_table(
        "organisation_settings",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("comments_allowed", sa.Boolean(), nullable=False),
        sa.Column("acting_required", sa.Boolean(), nullable=False),
        sa.Column("retention_months", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_organisation_settings_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_organisation_settings")),
    )
    op.create_table(
        "consents",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("text_version", sa.String(length=40), nullable=False),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_acting", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "client_id"],
            ["clients.organisation_id", "clients.client_id"],
            name=op.f("fk_consents_clients"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", "consent_id", name=op.f("pk_consents")),
    )
    op.create_table(
        "legal_holds",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "client_id"],
            ["clients.organisation_id", "clients.client_id"],
            name=op.f("fk_legal_holds_clients"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", "hold_id", name=op.f("pk_legal_holds")),
    )
    op.create_table(
        "erasures",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("reference_key", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=True),
        sa.Column("sealed_acting", sa.LargeBinary(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", name=op.f("pk_erasures")),
    )
    op.create_index(
        "ix_erasures_reference", "erasures", ["organisation_id", "reference_key", "reference"], unique=False
    )
    op.create_table(
        "chain_heads",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("chain", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_chain_heads_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_chain_heads")),
    )


def _create_safeguarding() -> None:
    op.create_table(
        "safeguarding_settings",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("texts", DOCUMENT, nullable=False),
        sa.Column("escalate_after_minutes", sa.Integer(), nullable=False),
        sa.Column("retention_months", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.organisation_id"], name=op.f("fk_safeguarding_settings_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_safeguarding_settings")),
    )
    op.create_table(
        "safeguarding_recipients",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reference_key", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_acting", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organisation_id", "recipient_id", name=op.f("pk_safeguarding_recipients")),
    )
    op.create_table(
        "safety_checks",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("escalates_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "check_id", name=op.f("pk_safety_checks")),
        sa.UniqueConstraint("organisation_id", "key", name=op.f("uq_safety_checks_organisation_id_key")),
    )
    op.create_table(
        "safety_steps",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("sealed_acting", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "check_id"],
            ["safety_checks.organisation_id", "safety_checks.check_id"],
            name=op.f("fk_safety_steps_safety_checks"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "check_id", "step_id", name=op.f("pk_safety_steps")),
    )
