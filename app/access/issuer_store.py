"""Identity providers of organisations in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from app.storage.dialects import in_both
from app.storage.token_tables import issuers
from app.storage.types import AnyRow

_LIVE = in_both(
    lambda among: select(issuers).where(
        issuers.c.organisation_id == bindparam("organisation"),
        among(issuers.c.issuer, "wanted"),
        issuers.c.revoked_at.is_(None),
    )
)


def find_live_issuers(connection: Connection, wanted: Collection[str], *, organisation: UUID) -> dict[str, AnyRow]:
    """Return the organisation's issuers by their names."""
    sent = {"organisation": organisation, "wanted": list(wanted)}
    return {row.issuer: row for row in connection.execute(_LIVE[connection.dialect.name], sent)}


def list_issuers(connection: Connection, *, organisation: UUID) -> list[AnyRow]:
    """List the organisation's issuers, revoked ones too."""
    query = select(issuers).where(issuers.c.organisation_id == organisation).order_by(issuers.c.created_at)
    return list(connection.execute(query))


def replace_issuer(
    connection: Connection,
    *,
    organisation: UUID,
    issuer_id: UUID,
    issuer: str,
    jwks_url: str,
    application: UUID,
    claims: dict[str, Any],
    created_at: datetime,
) -> None:
    """Add an issuer, in the place of one of the same name that was revoked."""
    connection.execute(
        delete(issuers).where(
            issuers.c.organisation_id == organisation, issuers.c.issuer == issuer, issuers.c.revoked_at.is_not(None)
        )
    )
    connection.execute(
        insert(issuers).values(
            organisation_id=organisation,
            issuer_id=issuer_id,
            issuer=issuer,
            jwks_url=jwks_url,
            application_id=application,
            claims=claims,
            created_at=created_at,
        )
    )


def revoke_issuer(connection: Connection, *, organisation: UUID, issuer_id: UUID, revoked_at: datetime) -> bool:
    """Mark a live issuer as revoked; False when there is none such."""
    result = connection.execute(
        update(issuers)
        .where(
            issuers.c.organisation_id == organisation,
            issuers.c.issuer_id == issuer_id,
            issuers.c.revoked_at.is_(None),
        )
        .values(revoked_at=revoked_at)
    )
    return result.rowcount == 1
