"""Applications as tokens know them, their key sets, and assertions that were used, in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from app.access.organisation import ACTING_REQUIRED
from app.storage.dialects import in_both
from app.storage.tables import applications, clients
from app.storage.team_tables import memberships
from app.storage.token_tables import application_key_sets, used_assertions
from app.storage.types import AnyRow

#: So long a used assertion is kept after its end: a request that was late, or came by a clock that is behind, finds it.
KEPT_USED: Final = timedelta(minutes=5)

_APPLICATIONS = in_both(
    lambda among: select(
        applications.c.application_id,
        applications.c.audience,
        applications.c.scopes,
        applications.c.epoch,
        ACTING_REQUIRED,
    ).where(applications.c.organisation_id == bindparam("organisation"), among(applications.c.application_id, "wanted"))
)


def find_applications(connection: Connection, wanted: Collection[UUID], *, organisation: UUID) -> dict[UUID, AnyRow]:
    """Return applications with audience, scopes and epoch."""
    sent = {"organisation": organisation, "wanted": list(wanted)}
    return {row.application_id: row for row in connection.execute(_APPLICATIONS[connection.dialect.name], sent)}


_CLIENTS = in_both(
    lambda among: select(clients.c.client_id).where(
        clients.c.organisation_id == bindparam("organisation"), among(clients.c.client_id, "wanted")
    )
)


def find_clients(connection: Connection, wanted: Collection[UUID], *, organisation: UUID) -> set[UUID]:
    """Return which of some clients are there: who was erased is not."""
    sent = {"organisation": organisation, "wanted": list(wanted)}
    return set(connection.execute(_CLIENTS[connection.dialect.name], sent).scalars())


def find_supervised(
    connection: Connection, supervisors: Collection[UUID], *, organisation: UUID
) -> dict[UUID, set[UUID]]:
    """Return the members of the teams that each of some supervisors supervises."""
    supervising, members = memberships.alias("supervising"), memberships.alias("members")
    query = (
        select(supervising.c.therapist_id.label("supervisor"), members.c.therapist_id)
        .join_from(
            supervising,
            members,
            (members.c.organisation_id == supervising.c.organisation_id) & (members.c.team_id == supervising.c.team_id),
        )
        .where(
            supervising.c.organisation_id == organisation,
            members.c.organisation_id == organisation,
            supervising.c.role == "supervisor",
            supervising.c.therapist_id.in_(supervisors),
            members.c.role == "member",
        )
    )
    found: dict[UUID, set[UUID]] = {supervisor: set() for supervisor in supervisors}
    for row in connection.execute(query):
        found[row.supervisor].add(row.therapist_id)
    return found


def find_application(connection: Connection, *, organisation: UUID, application: UUID) -> AnyRow | None:
    """Return an application with its key set, which may be absent."""
    query = (
        select(applications, application_key_sets.c.jwks, application_key_sets.c.jwks_url)
        .outerjoin(
            application_key_sets,
            (application_key_sets.c.organisation_id == applications.c.organisation_id)
            & (application_key_sets.c.application_id == applications.c.application_id),
        )
        .where(applications.c.organisation_id == organisation, applications.c.application_id == application)
    )
    return connection.execute(query).first()


def replace_key_set(
    connection: Connection,
    *,
    organisation: UUID,
    application: UUID,
    jwks: dict[str, Any] | None,
    jwks_url: str | None,
    set_at: datetime,
) -> None:
    """Put a key set in the place of the one before."""
    connection.execute(
        delete(application_key_sets).where(
            application_key_sets.c.organisation_id == organisation,
            application_key_sets.c.application_id == application,
        )
    )
    row = {"organisation_id": organisation, "application_id": application}
    connection.execute(insert(application_key_sets).values(**row, jwks=jwks, jwks_url=jwks_url, set_at=set_at))


def raise_epoch(connection: Connection, *, organisation: UUID, application: UUID, at_least: int) -> int | None:
    """Raise an application's epoch and return the new one; None when there is no such application."""
    here = (applications.c.organisation_id == organisation, applications.c.application_id == application)
    before: int | None = connection.execute(select(applications.c.epoch).where(*here).with_for_update()).scalar()
    if before is None:
        return None
    after = max(before + 1, at_least)
    connection.execute(update(applications).where(*here).values(epoch=after))
    return after


def use_assertion(
    connection: Connection,
    *,
    organisation: UUID,
    application: UUID,
    assertion: bytes,
    expires_at: datetime,
    now: datetime,
) -> bool:
    """Record that an assertion was used; False when it was before. What has long expired is swept out on the way.

    Of two at once, the second meets the first one's row, looks again and finds it.
    """
    connection.execute(
        delete(used_assertions).where(
            used_assertions.c.organisation_id == organisation, used_assertions.c.expires_at < now - KEPT_USED
        )
    )
    query = select(used_assertions.c.expires_at).where(
        used_assertions.c.organisation_id == organisation,
        used_assertions.c.application_id == application,
        used_assertions.c.assertion == assertion,
    )
    if connection.execute(query).first() is not None:
        return False
    row = {"organisation_id": organisation, "application_id": application}
    connection.execute(insert(used_assertions).values(**row, assertion=assertion, expires_at=expires_at))
    return True
