"""The end of credentials in SQL: of an application's, or of those that open one person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, delete, select, update

from app.storage.tables import api_keys, applications
from app.storage.token_tables import application_key_sets, invitations, issuers


def revoke_keys(connection: Connection, owner: Mapping[str, UUID], *, organisation: UUID, at: datetime) -> int:
    """Revoke the API keys of an application, or those that are bound to a person; return how many were alive.

    Those that are over are revoked with them: a clock that is set back must not bring one to life.
    """
    [(column, whose)] = owner.items()
    revoked = (
        update(api_keys)
        .where(
            api_keys.c.organisation_id == organisation,
            api_keys.c[column] == whose,
            api_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=at)
        .returning(api_keys.c.expires_at)
    )
    ends = connection.execute(revoked).scalars().all()
    return sum(end is None or end > at for end in ends)


def revoke_issuers(connection: Connection, owner: Mapping[str, UUID], *, organisation: UUID, at: datetime) -> int:
    """Revoke the providers whose tokens act as an application; return how many."""
    return _revoke(connection, issuers, owner, organisation=organisation, at=at)


def revoke_invitations(connection: Connection, owner: Mapping[str, UUID], *, organisation: UUID, at: datetime) -> int:
    """Revoke the invitations that wait, those that an application made or those of a person; return how many."""
    unused = invitations.c.submission_id.is_(None)
    return _revoke(connection, invitations, owner, unused, organisation=organisation, at=at)


def drop_key_set(connection: Connection, *, organisation: UUID, application: UUID) -> None:
    """Forget the public keys of an application: none of its assertions brings a token any longer."""
    connection.execute(
        delete(application_key_sets).where(
            application_key_sets.c.organisation_id == organisation,
            application_key_sets.c.application_id == application,
        )
    )


def application_ids(connection: Connection, *, organisation: UUID) -> list[UUID]:
    """List the applications of an organisation, in one order for everybody who locks them."""
    query = (
        select(applications.c.application_id)
        .where(applications.c.organisation_id == organisation)
        .order_by(applications.c.application_id)
    )
    return list(connection.execute(query).scalars())


def _revoke(
    connection: Connection,
    table: Table,
    owner: Mapping[str, UUID],
    *besides: ColumnElement[bool],
    organisation: UUID,
    at: datetime,
) -> int:
    [(column, whose)] = owner.items()
    result = connection.execute(
        update(table)
        .where(
            table.c.organisation_id == organisation, table.c[column] == whose, table.c.revoked_at.is_(None), *besides
        )
        .values(revoked_at=at)
    )
    return result.rowcount
