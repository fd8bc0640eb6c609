"""Tables of data keys, each wrapped by the key above it; the master key is in a file and never here."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, LargeBinary, PrimaryKeyConstraint, String, Table, Uuid

from app.storage.metadata import metadata
from app.storage.types import UtcDateTime

# `purpose` is data or safeguarding. Of each purpose the newest that is not retired seals; all of them open.
organisation_keys = Table(
    "organisation_keys",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("master_key", String(16), nullable=False),  # the id of what wraps it
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    PrimaryKeyConstraint("organisation_id", "key_id"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

# Backups of the data leave this table out: what is erased today stays erased when one of yesterday is restored. No
# foreign key refers to it or leaves it, so that it can be kept and brought back by itself.
client_keys = Table(
    "client_keys",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("organisation_key", Uuid, nullable=False),  # the id of what wraps it
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    PrimaryKeyConstraint("organisation_id", "client_id", "key_id"),
)
