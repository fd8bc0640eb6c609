"""Find the entries of the log that name a client, and those that the feed tells, by an index.

Why: an export read its organisation's whole log for each hundred entries of a client, and the feed read past every
entry of who looked, which most of a log are: 2 s for a million. Behind row-level security PostgreSQL takes no index for
a part of a document, whose operators are not leakproof; so the database itself takes the client's id out of the subject
into a column (`many` where an entry names several), which nobody writes and which says nothing else than the subject.

Lock risk: on PostgreSQL the log is written anew for the column, and read for the indexes: nobody reads or writes it
meanwhile, some ten seconds for a million entries. SQLite computes the column when it reads, and reads the log twice.
Downgrade: drops the indexes and the column.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129c"
down_revision = "20261129b"
branch_labels = None
depends_on = None

NAMED = {
    "postgresql": "coalesce(subject ->> 'client_id', CASE WHEN subject ->> 'client_ids' IS NOT NULL THEN 'many' END)",
    "sqlite": "coalesce(json_extract(subject, '$.client_id'), "
    "CASE WHEN json_extract(subject, '$.client_ids') IS NOT NULL THEN 'many' END)",
}
TOLD = (
    "kind IN ('client.created', 'client.erased', 'episode.opened', 'episode.ended', 'episode.reopened', "
    "'episode.recomputed', 'episode.scheduled', 'submission.recorded', 'submission.corrected', "
    "'submission.withdrawn', 'signal.opened', 'signal.closed', 'signal.acknowledged') AND sequence IS NOT NULL"
)


def upgrade() -> None:
    """Add the column, and make the indexes."""
    dialect = op.get_bind().dialect.name
    # PostgreSQL indexes no column that is not kept, and SQLite adds none that is.
    named = sa.Computed(NAMED[dialect], persisted=dialect == "postgresql")
    op.add_column("events", sa.Column("client", sa.Text, named))
    for name, columns, where in (
        ("ix_events_client", ["organisation_id", "client", "event_id"], "client IS NOT NULL"),
        ("ix_events_told", ["organisation_id", "sequence"], TOLD),
    ):
        op.create_index(name, "events", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Drop them."""
    for name in ("ix_events_told", "ix_events_client"):
        op.drop_index(name, "events")
    op.drop_column("events", "client")
