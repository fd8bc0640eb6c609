"""Let API keys end, and let an organisation settle when they do and what they open.

Why: a key lived until somebody revoked it, and was taken in the place of a token everywhere.
Lock risk: each of the two tables is locked for a moment; nothing is rewritten.
Downgrade: an older version knows no end. Keys that have ended are marked as revoked at their end, so that none comes
back to life; those whose end is to come live on without one. What was settled of keys is gone: every key opens again
what its scopes allow.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "20261129"
down_revision = "20261127"
branch_labels = None
depends_on = None

KEYS = sa.table(
    "api_keys",
    sa.column("expires_at", sa.DateTime(timezone=True)),
    sa.column("revoked_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Add the columns."""
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("organisation_settings", sa.Column("keys_live_at_most", sa.Integer(), nullable=True))
    op.add_column(
        "organisation_settings", sa.Column("tokens_only", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    """Revoke what has ended, and drop the columns."""
    walled = op.get_bind().dialect.name == "postgresql"
    if walled:  # the wall hides the rows of all organisations from the owner, too
        op.execute("ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY")
    over = sa.update(KEYS).where(KEYS.c.revoked_at.is_(None), KEYS.c.expires_at <= datetime.now(UTC))
    op.execute(over.values(revoked_at=KEYS.c.expires_at))
    if walled:
        op.execute("ALTER TABLE api_keys FORCE ROW LEVEL SECURITY")
    op.drop_column("organisation_settings", "tokens_only")
    op.drop_column("organisation_settings", "keys_live_at_most")
    op.drop_column("api_keys", "expires_at")
