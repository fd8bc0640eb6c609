"""The norms that forms are held against: they are never edited, so a form names the one that was active for it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from app.change.norms import Norm
from app.storage.dialects import in_both
from app.storage.documents import from_document
from app.storage.statistics_tables import norms

_BY_ID = in_both(
    lambda among: select(norms.c.norm_id, norms.c.norm).where(
        norms.c.organisation_id == bindparam("organisation"), among(norms.c.norm_id, "ids")
    )
)


def read_norms(connection: Connection, norm_ids: Collection[UUID], *, organisation: UUID) -> dict[UUID, Norm]:
    """Read some norms of an organisation."""
    if not norm_ids:
        return {}
    sent = {"organisation": organisation, "ids": list(norm_ids)}
    rows = connection.execute(_BY_ID[connection.dialect.name], sent)
    return {row.norm_id: from_document(row.norm, Norm) for row in rows}
