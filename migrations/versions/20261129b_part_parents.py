"""Let a key that opens one client act as a parent: who reads and sends the parent's forms, and none of the child's.

Why: a key that opened a client read and sent the forms of both.
Lock risk: the table is locked for a moment; nothing is rewritten. Keys that are there act as the client from now on.
Downgrade: an older version gives every key of a client both's forms. Keys of parents are revoked, so that none of them
reads the child's.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129b"
down_revision = "20261129"
branch_labels = None
depends_on = None

ENDED = "UPDATE api_keys SET revoked_at = CURRENT_TIMESTAMP WHERE revoked_at IS NULL AND acts_as IS NOT NULL"


def upgrade() -> None:
    """Add the column."""
    op.add_column("api_keys", sa.Column("acts_as", sa.String(20), nullable=True))


def downgrade() -> None:
    """Revoke the keys of parents, and drop the column."""
    walled = op.get_bind().dialect.name == "postgresql"
    if walled:  # the wall hides the rows of all organisations from the owner, too
        op.execute("ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY")
    op.execute(ENDED)
    if walled:
        op.execute("ALTER TABLE api_keys FORCE ROW LEVEL SECURITY")
    op.drop_column("api_keys", "acts_as")
