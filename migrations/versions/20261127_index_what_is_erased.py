"""Find what is about a client by an index, where an erasure read an organisation through.

Why: an erasure looks for the forms of an episode, those too that count no longer, and for the senders' ids and
idempotency keys of a form; so does the database itself, for each form and episode that goes, to see that nothing refers
to it. None had an index, and each look read everything of the organisation: with 30,000 forms an erasure took 2.2 s on
SQLite, where nobody else writes meanwhile, and takes 0.2 s now. On SQLite the reads of an episode's forms gain too:
they could not take the index of the current ones.

On PostgreSQL each is kept for ids that are not NULL, which none is. So a statement has to name the id before the index
may be taken: any that begins with the organisation is taken for the checks of foreign keys too, before a table has ever
been analysed (tests/usecases/test_index_reads.py).

Lock risk: writes to each of the three tables wait while its index is made, some seconds for a million rows.
Downgrade: drops the indexes.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "20261127"
down_revision = "20261126"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_submissions_episode": ("submissions", "episode_id"),
    "ix_sources_submission": ("sources", "submission_id"),
    "ix_idempotency_keys_submission": ("idempotency_keys", "submission_id"),
}


def upgrade() -> None:
    """Make the indexes."""
    for name, (table, column) in INDEXES.items():
        op.create_index(name, table, ["organisation_id", column], postgresql_where=text(f"{column} IS NOT NULL"))


def downgrade() -> None:
    """Drop the indexes."""
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
