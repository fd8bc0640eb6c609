"""Tables of what is counted over many forms: integers only, so that taking a form out again is exact."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Uuid, text

from app.storage.metadata import metadata
from app.storage.types import Document, Integers, UtcDateTime

# The complete forms of one instrument version and rater: counts per item and value, sums and cross products.
statistics = Table(
    "statistics",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("instrument", String(40), nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("rater", String(10), nullable=False),
    Column("forms", Integer, nullable=False),
    Column("counts", Integers, nullable=False),  # app/psychometrics/counts.py
    PrimaryKeyConstraint("organisation_id", "instrument", "instrument_version", "rater"),
)

# The same forms by episode, which names a client and a therapist: number, sum and sum of squares of their totals.
series_statistics = Table(
    "series_statistics",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("episode_id", Uuid, nullable=False),
    Column("instrument", String(40), nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("rater", String(10), nullable=False),
    Column("forms", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("squares", BigInteger, nullable=False),
    PrimaryKeyConstraint("organisation_id", "episode_id", "instrument", "instrument_version", "rater"),
)

# Norms of an organisation's own, estimated on command; one at most is active for an instrument version and rater.
norms = Table(
    "norms",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("norm_id", Uuid, nullable=False),
    Column("instrument", String(40), nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("rater", String(10), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... of its instrument version and rater
    Column("estimated_at", UtcDateTime, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("norm", Document, nullable=False),  # app/change/norms.py
    PrimaryKeyConstraint("organisation_id", "norm_id"),
    Index("uq_norms_number", "organisation_id", "instrument", "instrument_version", "rater", "number", unique=True),
    Index(
        "uq_norms_active",
        "organisation_id",
        "instrument",
        "instrument_version",
        "rater",
        unique=True,
        sqlite_where=text("active"),
        postgresql_where=text("active"),
    ),
)
