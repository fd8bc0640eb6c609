"""Every table. Organisation first in each key: ids are made by the service, and no key crosses organisations."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

import app.storage.key_tables
import app.storage.people_tables
import app.storage.safeguarding_tables
import app.storage.statistics_tables
import app.storage.team_tables
import app.storage.token_tables  # noqa: F401 - these belong to the metadata too
from app.storage.event_tables import events as events  # noqa: PLC0414 - the log is in a module of its own
from app.storage.metadata import metadata as metadata  # noqa: PLC0414 - who reads the schema imports it from here
from app.storage.metadata import of_id
from app.storage.types import Document, UtcDateTime

organisations = Table(
    "organisations",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("name", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id"),
)

applications = Table(
    "applications",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("name", String(200), nullable=False),
    Column("audience", String(20), nullable=False),
    Column("scopes", Document, nullable=False),
    Column("epoch", Integer, nullable=False, server_default=text("0")),  # tokens of an earlier one are revoked
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "application_id"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("client_id", Uuid),  # opens this client only
    Column("therapist_id", Uuid),  # opens this therapist's episodes only
    Column("acts_as", String(20)),  # the rater as whom a key acts that opens a client; NULL: the client
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),  # none: it lives until it is revoked
    Column("revoked_at", UtcDateTime),
    PrimaryKeyConstraint("organisation_id", "key_id"),
    ForeignKeyConstraint(
        ["organisation_id", "application_id"], ["applications.organisation_id", "applications.application_id"]
    ),
)

enabled_instruments = Table(
    "enabled_instruments",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("instrument", String(40), nullable=False),
    Column("checked_against", String(500), nullable=False),
    Column("enabled_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "instrument"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

# References are keyed digests, and sealed for the person's export: whoever reads the database alone learns no record
# number from it. Those of before there were keys have the digest only.
clients = Table(
    "clients",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("reference_key", String(16), nullable=False),
    Column("reference", LargeBinary(32), nullable=False),
    Column("sealed_reference", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "client_id"),
    UniqueConstraint("organisation_id", "reference_key", "reference"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

therapists = Table(
    "therapists",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("therapist_id", Uuid, nullable=False),
    Column("reference_key", String(16), nullable=False),
    Column("reference", LargeBinary(32), nullable=False),
    Column("sealed_reference", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "therapist_id"),
    UniqueConstraint("organisation_id", "reference_key", "reference"),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)

episodes = Table(
    "episodes",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("episode_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("therapist_id", Uuid, nullable=False),
    Column("reference_key", String(16)),
    Column("reference", LargeBinary(32)),
    Column("sealed_reference", LargeBinary),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("ending", String(10)),
    Column("ended_session", Integer),
    Column("ended_at", UtcDateTime),
    Column("course", Document),  # what is kept of its current forms: see app/episodes/course.py
    Column("last_session", Integer),
    Column("last_completed_at", UtcDateTime),
    Column("expected_sessions", Integer),  # what the schedule says; how often forms are expected
    Column("cadence_days", SmallInteger),
    PrimaryKeyConstraint("organisation_id", "episode_id"),
    UniqueConstraint("organisation_id", "client_id", "reference_key", "reference"),
    ForeignKeyConstraint(["organisation_id", "client_id"], ["clients.organisation_id", "clients.client_id"]),
    ForeignKeyConstraint(
        ["organisation_id", "therapist_id"], ["therapists.organisation_id", "therapists.therapist_id"]
    ),
    Index(
        "uq_episodes_open_without_reference",
        "organisation_id",
        "client_id",
        "therapist_id",
        unique=True,
        sqlite_where=text("reference IS NULL AND ending IS NULL"),
        postgresql_where=text("reference IS NULL AND ending IS NULL"),
    ),
    # A therapist's caseload, of all the courses there ever were.
    Index(
        "ix_episodes_open",
        "organisation_id",
        "therapist_id",
        sqlite_where=text("ending IS NULL"),
        postgresql_where=text("ending IS NULL"),
    ),
)

submissions = Table(
    "submissions",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("submission_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("therapist_id", Uuid, nullable=False),
    Column("episode_id", Uuid, nullable=False),
    Column("session_number", Integer, nullable=False),
    Column("instrument", String(40), nullable=False),
    Column("rater", String(10), nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("instrument_digest", String(80), nullable=False),
    Column("session_date", Date),
    Column("completed_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("planned_sessions", Integer),
    Column("locale", String(20)),
    Column("channel", String(10)),
    Column("modality", String(40)),
    Column("seen_by_therapist", Boolean),
    Column("answers", Document, nullable=False),
    Column("focus", Document),
    Column("reported_rupture", Boolean),
    Column("wish_to_talk", Boolean),
    Column("ending", String(10)),
    Column("reported_stage", String(30)),
    Column("sealed_comment", LargeBinary),
    Column("content", LargeBinary(32), nullable=False),
    Column("norm_id", Uuid),  # what it was held against, fixed when it came in
    Column("supersedes", Uuid),
    Column("current", Boolean, nullable=False),  # neither superseded nor withdrawn
    PrimaryKeyConstraint("organisation_id", "submission_id"),
    ForeignKeyConstraint(["organisation_id", "episode_id"], ["episodes.organisation_id", "episodes.episode_id"]),
    Index(
        "uq_submissions_one_form_per_place",
        "organisation_id",
        "episode_id",
        "session_number",
        "instrument",
        "rater",
        unique=True,
        sqlite_where=text("current"),
        postgresql_where=text("current"),
    ),
    Index(
        "uq_submissions_superseded_once",
        "organisation_id",
        "supersedes",
        unique=True,
        sqlite_where=text("supersedes IS NOT NULL"),
        postgresql_where=text("supersedes IS NOT NULL"),
    ),
    of_id("ix_submissions_episode", "episode_id"),
)

# The sender's own ids of forms. A form may have several: the same one sent by two systems.
sources = Table(
    "sources",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("source_key", String(16), nullable=False),
    Column("source", LargeBinary(32), nullable=False),
    Column("submission_id", Uuid, nullable=False),
    PrimaryKeyConstraint("organisation_id", "source_key", "source"),
    ForeignKeyConstraint(
        ["organisation_id", "submission_id"], ["submissions.organisation_id", "submissions.submission_id"]
    ),
    of_id("ix_sources_submission", "submission_id"),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("submission_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("withdrawn_at", UtcDateTime, nullable=False),
    Column("recomputed_later_sessions", Integer, nullable=False),
    PrimaryKeyConstraint("organisation_id", "submission_id"),
    ForeignKeyConstraint(
        ["organisation_id", "submission_id"], ["submissions.organisation_id", "submissions.submission_id"]
    ),
)

scores = Table(
    "scores",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("score_id", Uuid, nullable=False),
    Column("submission_id", Uuid, nullable=False),
    Column("episode_id", Uuid, nullable=False),
    Column("instrument", String(40), nullable=False),
    Column("rater", String(10), nullable=False),
    Column("session_number", Integer, nullable=False),
    Column("component", String(40), nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("instrument_digest", String(80), nullable=False),
    Column("scoring_version", String(20), nullable=False),
    Column("value", Double),
    Column("mean", Double),
    Column("sum", Double),
    Column("minimum", Double),
    Column("maximum", Double),
    Column("pomp", Double),
    Column("prorated", Boolean),
    Column("reason", String(40)),
    Column("answered", SmallInteger, nullable=False),
    Column("items", SmallInteger, nullable=False),
    Column("missing", Document, nullable=False),
    Column("not_applicable", Document, nullable=False),
    PrimaryKeyConstraint("organisation_id", "score_id"),
    UniqueConstraint("organisation_id", "submission_id", "component", "scoring_version"),
    ForeignKeyConstraint(
        ["organisation_id", "submission_id"], ["submissions.organisation_id", "submissions.submission_id"]
    ),
)

# Revision 1 is what was answered when the form came in; later ones were made when something before it changed.
assessments = Table(
    "assessments",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("submission_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("because_of", Uuid),
    Column("recomputed_later_sessions", Integer, nullable=False),
    Column("change", Document, nullable=False),
    Column("signals", Document, nullable=False),
    Column("stage", Document),
    Column("recommendations", Document, nullable=False),
    PrimaryKeyConstraint("organisation_id", "submission_id", "revision"),
    ForeignKeyConstraint(
        ["organisation_id", "submission_id"], ["submissions.organisation_id", "submissions.submission_id"]
    ),
)

# A signal as it stands now; `signal_changes` keeps every state it was ever in.
signals = Table(
    "signals",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("signal_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("therapist_id", Uuid, nullable=False),
    Column("episode_id", Uuid, nullable=False),
    Column("submission_id", Uuid, nullable=False),  # the form that opened it
    Column("instrument", String(40), nullable=False),
    Column("rater", String(10), nullable=False),
    Column("rule", String(40), nullable=False),
    Column("level", String(10), nullable=False),
    Column("opened_session", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("closed_session", Integer),
    Column("detail", Document, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    PrimaryKeyConstraint("organisation_id", "episode_id", "signal_id"),
    ForeignKeyConstraint(["organisation_id", "episode_id"], ["episodes.organisation_id", "episodes.episode_id"]),
)

signal_changes = Table(
    "signal_changes",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("change_id", Uuid, nullable=False),
    Column("signal_id", Uuid, nullable=False),
    Column("state", String(20), nullable=False),
    Column("closed_session", Integer),
    Column("level", String(10), nullable=False),
    Column("because_of", Uuid, nullable=False),  # the form that came in, was corrected or withdrawn
    Column("changed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "signal_id", "change_id"),
)

# By whom: an application, and the person whom it names; the sender's own id of that person, never a name.
acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("acknowledgement_id", Uuid, nullable=False),
    Column("signal_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("acting", String(100)),  # of before it was sealed
    Column("sealed_acting", LargeBinary),
    Column("reason", String(30), nullable=False),
    Column("acknowledged_at", UtcDateTime, nullable=False),
    Column("key", LargeBinary(32), nullable=False),  # digest of the idempotency key
    PrimaryKeyConstraint("organisation_id", "signal_id", "acknowledgement_id"),
    UniqueConstraint("organisation_id", "key"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("application_id", Uuid, nullable=False),
    Column("route", String(40), nullable=False),
    Column("key", LargeBinary(32), nullable=False),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("submission_id", Uuid, nullable=False),
    Column("created", Boolean, nullable=False),
    Column("bound_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organisation_id", "application_id", "route", "key"),
    of_id("ix_idempotency_keys_submission", "submission_id"),
)
