"""The table of the log, and the indexes by which entries are found that are about somebody or told to many."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Computed,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.metadata import metadata
from app.storage.types import Document, UtcDateTime

#: What stands for those whom a look at a list told of, who are many.
MANY: Final = "many"
_NAMED = {
    "postgresql": "coalesce(subject ->> 'client_id', CASE WHEN subject ->> 'client_ids' IS NOT NULL THEN 'many' END)",
    "sqlite": "coalesce(json_extract(subject, '$.client_id'), "
    "CASE WHEN json_extract(subject, '$.client_ids') IS NOT NULL THEN 'many' END)",
}


class _Named(ColumnElement[str]):
    """The client whom an entry names, or that it names many, as each database takes it out of the subject."""

    inherit_cache = False


@compiles(_Named)
def _write_named(_element: _Named, compiler: SQLCompiler, **_: Any) -> str:
    return _NAMED[compiler.dialect.name]


#: What the feed tells (app/progress/changes.py); most of a log are entries of who looked.
_TOLD = text(
    "kind IN ('client.created', 'client.erased', 'episode.opened', 'episode.ended', 'episode.reopened', "
    "'episode.recomputed', 'episode.scheduled', 'submission.recorded', 'submission.corrected', "
    "'submission.withdrawn', 'signal.opened', 'signal.closed', 'signal.acknowledged') AND sequence IS NOT NULL"
)
# Ids and kinds only. A sealer gives each row its number and its link in the hash chain after commit. The database takes
# the client out of the subject by itself: so it can't be another one, and behind the wall PostgreSQL finds nothing by
# a part of a document, whatever index there is (its operators are not leakproof).
events = Table(
    "events",
    metadata,
    Column("organisation_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("application_id", Uuid),
    Column("subject", Document, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("sequence", Integer),
    Column("chain", LargeBinary(32)),
    Column("client", Text, Computed(_Named(), persisted=True)),
    PrimaryKeyConstraint("organisation_id", "event_id"),
    UniqueConstraint("organisation_id", "sequence"),
    Index(
        "ix_events_unsealed",
        "organisation_id",
        "event_id",
        sqlite_where=text("sequence IS NULL"),
        postgresql_where=text("sequence IS NULL"),
    ),
    Index(
        "ix_events_client",
        "organisation_id",
        "client",
        "event_id",
        sqlite_where=text("client IS NOT NULL"),
        postgresql_where=text("client IS NOT NULL"),
    ),
    Index("ix_events_told", "organisation_id", "sequence", sqlite_where=_TOLD, postgresql_where=_TOLD),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)
