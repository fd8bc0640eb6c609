"""Tables of teams: who works with whom, and who supervises. They are the organisation's own data."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, String, Table, UniqueConstraint, Uuid

from app.storage.metadata import metadata
from app.storage.types import UtcDateTime

teams = Table(
    "teams",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("team_id", Uuid, nullable=False),
    Column("name", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "team_id"),
    UniqueConstraint("organisation_id", "name"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

# A supervisor is a person with a reference of their own, as therapists are; `role` is member or supervisor.
memberships = Table(
    "memberships",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("team_id", Uuid, nullable=False),
    Column("therapist_id", Uuid, nullable=False),
    Column("role", String(10), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "team_id", "therapist_id", "role"),
    ForeignKeyConstraint(["organisation_id", "team_id"], ["teams.organisation_id", "teams.team_id"]),
)
