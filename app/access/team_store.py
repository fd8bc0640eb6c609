"""Teams and memberships in SQL."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select

from app.storage.team_tables import memberships, teams
from app.storage.types import AnyRow


def insert_team(connection: Connection, *, organisation: UUID, team: UUID, name: str, created_at: datetime) -> None:
    """Add a team."""
    row = {"organisation_id": organisation, "team_id": team, "name": name, "created_at": created_at}
    connection.execute(insert(teams), row)


def find_team(connection: Connection, named: str, *, organisation: UUID) -> UUID | None:
    """Return the id of the team with this name, or else with this id, and lock it."""
    wanted = [teams.c.name == named]
    with suppress(ValueError):
        wanted.append(teams.c.team_id == UUID(named))
    for one in wanted:
        query = select(teams.c.team_id).where(teams.c.organisation_id == organisation, one).with_for_update()
        found: UUID | None = connection.execute(query).scalar()
        if found is not None:
            return found
    return None


def list_teams(connection: Connection, *, organisation: UUID) -> list[AnyRow]:
    """List the organisation's teams by name."""
    query = select(teams).where(teams.c.organisation_id == organisation).order_by(teams.c.name)
    return list(connection.execute(query))


def list_memberships(connection: Connection, *, organisation: UUID) -> list[AnyRow]:
    """List who is in which team, in the order in which they joined."""
    return list(
        connection.execute(
            select(memberships)
            .where(memberships.c.organisation_id == organisation)
            .order_by(memberships.c.since, memberships.c.therapist_id, memberships.c.role)
        )
    )


def roles_of(connection: Connection, *, organisation: UUID, team: UUID, therapist: UUID) -> set[str]:
    """Return the parts that somebody has in a team."""
    query = select(memberships.c.role).where(
        memberships.c.organisation_id == organisation,
        memberships.c.team_id == team,
        memberships.c.therapist_id == therapist,
    )
    return {row.role for row in connection.execute(query)}


def insert_membership(
    connection: Connection, *, organisation: UUID, team: UUID, therapist: UUID, role: str, since: datetime
) -> None:
    """Add somebody to a team."""
    connection.execute(
        insert(memberships).values(
            organisation_id=organisation, team_id=team, therapist_id=therapist, role=role, since=since
        )
    )


def delete_membership(connection: Connection, *, organisation: UUID, team: UUID, therapist: UUID, role: str) -> None:
    """Take a part in a team from somebody."""
    connection.execute(
        delete(memberships).where(
            memberships.c.organisation_id == organisation,
            memberships.c.team_id == team,
            memberships.c.therapist_id == therapist,
            memberships.c.role == role,
        )
    )
