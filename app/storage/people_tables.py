"""Tables of what people have a right to, and of what an organisation has set for all of them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Uuid,
    false,
)

from app.storage.metadata import metadata
from app.storage.types import Document, UtcDateTime

# An organisation without a row has the defaults of app/access/organisation.py.
organisation_settings = Table(
    "organisation_settings",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("comments_allowed", Boolean, nullable=False),
    Column("acting_required", Boolean, nullable=False),
    Column("retention_months", Integer),
    Column("keys_live_at_most", Integer),  # days from their making
    Column("tokens_only", Boolean, nullable=False, server_default=false()),
    Column("changed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

# What a client was told and agreed to: every statement is kept, the newest of a subject counts.
consents = Table(
    "consents",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("consent_id", Uuid, nullable=False),
    Column("subject", String(20), nullable=False),  # measurement or research
    Column("decision", String(20), nullable=False),  # informed, given, refused, withdrawn
    Column("text_version", String(40), nullable=False),
    Column("stated_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("sealed_acting", LargeBinary),
    PrimaryKeyConstraint("organisation_id", "client_id", "consent_id"),
    ForeignKeyConstraint(["organisation_id", "client_id"], ["clients.organisation_id", "clients.client_id"]),
)

# While one is not lifted, nothing of the client is erased.
legal_holds = Table(
    "legal_holds",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("hold_id", Uuid, nullable=False),
    Column("sealed_reason", LargeBinary, nullable=False),
    Column("placed_at", UtcDateTime, nullable=False),
    Column("lifted_at", UtcDateTime),
    PrimaryKeyConstraint("organisation_id", "client_id", "hold_id"),
    ForeignKeyConstraint(["organisation_id", "client_id"], ["clients.organisation_id", "clients.client_id"]),
)

# A tombstone: that somebody was erased, and the keyed digest by which late repeats of their forms are known. Backups of
# the data leave this table out; it is kept beside the clients' keys.
erasures = Table(
    "erasures",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("reference_key", String(16), nullable=False),
    Column("reference", LargeBinary(32), nullable=False),
    Column("reason", String(20), nullable=False),  # requested or retention
    Column("application_id", Uuid),
    Column("sealed_acting", LargeBinary),
    Column("erased_at", UtcDateTime, nullable=False),
    Column("erased", Document, nullable=False),  # how many rows of which table
    PrimaryKeyConstraint("organisation_id", "client_id"),
    Index("ix_erasures_reference", "organisation_id", "reference_key", "reference"),
)

# Where the log of events ends, as the sealer knows it: what is cut off behind is missed.
chain_heads = Table(
    "chain_heads",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("chain", LargeBinary(32), nullable=False),
    Column("sealed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)
