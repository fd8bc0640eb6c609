"""Invitations in SQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from app.storage.token_tables import invitations
from app.storage.types import AnyRow


def find_invitation(
    connection: Connection, invitation_id: UUID, *, organisation: UUID, lock: bool = False
) -> AnyRow | None:
    """Return an invitation, and lock it if it is to be changed."""
    query = select(invitations).where(
        invitations.c.organisation_id == organisation, invitations.c.invitation_id == invitation_id
    )
    return connection.execute(query.with_for_update() if lock else query).first()


def find_by_key(connection: Connection, key: bytes, *, organisation: UUID) -> AnyRow | None:
    """Return the invitation that an idempotency key has made."""
    query = select(invitations).where(invitations.c.organisation_id == organisation, invitations.c.key == key)
    return connection.execute(query).first()


def insert_invitation(connection: Connection, row: dict[str, Any], *, organisation: UUID) -> None:
    """Add an invitation."""
    connection.execute(insert(invitations).values(organisation_id=organisation, **row))


def change_invitation(
    connection: Connection, invitation_id: UUID, changes: dict[str, Any], *, organisation: UUID
) -> None:
    """Change an invitation."""
    connection.execute(
        update(invitations)
        .where(invitations.c.organisation_id == organisation, invitations.c.invitation_id == invitation_id)
        .values(**changes)
    )
