"""Tables of what proves who calls, beside API keys: sets of public keys, issuers, assertions that were used."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
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

# The public keys with which an application signs its assertions: by value, or where they are fetched.
application_key_sets = Table(
    "application_key_sets",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("jwks", Document),
    Column("jwks_url", String(500)),
    Column("set_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "application_id"),
    ForeignKeyConstraint(
        ["organisation_id", "application_id"], ["applications.organisation_id", "applications.application_id"]
    ),
)

# An organisation's own identity provider, whose tokens act as one of its applications.
issuers = Table(
    "issuers",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("issuer_id", Uuid, nullable=False),
    Column("issuer", String(500), nullable=False),
    Column("jwks_url", String(500), nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("claims", Document, nullable=False),  # which claim says what
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    PrimaryKeyConstraint("organisation_id", "issuer_id"),
    UniqueConstraint("organisation_id", "issuer"),
    ForeignKeyConstraint(
        ["organisation_id", "application_id"], ["applications.organisation_id", "applications.application_id"]
    ),
)

# An assertion is good for one token. Rows are kept until it would have expired anyway.
used_assertions = Table(
    "used_assertions",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("assertion", LargeBinary(32), nullable=False),  # digest of its id
    Column("expires_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "application_id", "assertion"),
    Index("ix_used_assertions_expired", "organisation_id", "expires_at"),
)

# A form that is due for a client. What the sender said of it is sealed with the client's key.
invitations = Table(
    "invitations",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("invitation_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("therapist_id", Uuid, nullable=False),
    Column("instrument", String(40), nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("rater", String(10), nullable=False),
    Column("session_number", Integer, nullable=False),
    Column("sealed_form", LargeBinary, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),  # of the token's secret
    Column("opens_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("renewals", Integer, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("submission_id", Uuid),  # the form that it brought
    Column("key", LargeBinary(32), nullable=False),  # digest of the idempotency key of its making
    PrimaryKeyConstraint("organisation_id", "invitation_id"),
    UniqueConstraint("organisation_id", "key"),
    ForeignKeyConstraint(["organisation_id", "client_id"], ["clients.organisation_id", "clients.client_id"]),
    ForeignKeyConstraint(
        ["organisation_id", "therapist_id"], ["therapists.organisation_id", "therapists.therapist_id"]
    ),
    Index("ix_invitations_client", "organisation_id", "client_id"),
)
