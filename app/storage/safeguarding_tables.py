"""Tables of safety checks: what a client says about harm, apart from everything else."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)

from app.storage.metadata import metadata
from app.storage.types import Document, UtcDateTime

# Who reads safety checks, and what a client is told before the question.
safeguarding_settings = Table(
    "safeguarding_settings",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("texts", Document, nullable=False),  # by locale: who reads it, that nobody watches, whom to call
    Column("escalate_after_minutes", Integer, nullable=False),
    Column("retention_months", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

safeguarding_recipients = Table(
    "safeguarding_recipients",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("recipient_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("reference_key", String(16), nullable=False),
    Column("reference", LargeBinary(32), nullable=False),  # of the person whom requests name as acting
    Column("sealed_acting", LargeBinary, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    PrimaryKeyConstraint("organisation_id", "recipient_id"),
)

# Sealed with the organisation's key for safeguarding, and kept when the client's other data are erased: so nothing here
# refers to the client's row.
safety_checks = Table(
    "safety_checks",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("check_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("completed_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("state", String(20), nullable=False),  # open, acknowledged, closed
    Column("position", Integer, nullable=False),  # of the recipient whose turn it is
    Column("escalates_at", UtcDateTime),
    Column("key", LargeBinary(32), nullable=False),
    Column("fingerprint", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("organisation_id", "check_id"),
    UniqueConstraint("organisation_id", "key"),
)

safety_steps = Table(
    "safety_steps",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("check_id", Uuid, nullable=False),
    Column("step_id", Uuid, nullable=False),
    Column("kind", String(20), nullable=False),  # opened, acknowledged, escalated, closed
    Column("sealed_acting", LargeBinary),
    Column("sealed_reason", LargeBinary),
    Column("taken_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "check_id", "step_id"),
    ForeignKeyConstraint(["organisation_id", "check_id"], ["safety_checks.organisation_id", "safety_checks.check_id"]),
)
