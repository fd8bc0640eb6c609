"""Teams: who works with whom, and who supervises. An operator keeps them; a supervisor's key opens by them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from app.access import store, team_store
from app.access.administer import checked_name
from app.access.binding import log
from app.errors import LimitReached, NotFound
from app.storage.runtime import Runtime

Role = Literal["member", "supervisor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A therapist or supervisor as forms name them; without a system it is of the organisation's own."""

    system: str | None
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Somebody's part in a team."""

    therapist_id: UUID
    role: Role
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team with its members and supervisors, in the order in which they joined."""

    team_id: UUID
    name: str
    created_at: datetime
    memberships: tuple[Membership, ...]


async def create_team(runtime: Runtime, *, organisation: UUID, name: str) -> UUID:
    """Make a team; its name is its own within the organisation."""
    team, now, name = runtime.new_id(), runtime.now(), checked_name(name)

    def work(connection: Connection) -> None:
        if not store.has_organisation(connection, organisation=organisation):
            raise NotFound
        if team_store.find_team(connection, name, organisation=organisation) is not None:
            raise LimitReached(f"there is a team {name} already")
        team_store.insert_team(connection, organisation=organisation, team=team, name=name, created_at=now)
        log(connection, runtime, "team.created", {"team_id": str(team)}, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)
    return team


async def add_to_team(runtime: Runtime, *, organisation: UUID, team: str, person: Person, role: Role) -> UUID:
    """Give somebody a part in a team, which is named by its name or id; return the person's id.

    They may have both parts, and need not be known yet. Who has the part already keeps it.
    """
    now = runtime.now()
    reference = runtime.keys.reference("therapist", person.system or "", person.value, organisation=organisation)

    def work(connection: Connection) -> UUID:
        team_id = _team(connection, team, organisation=organisation)
        vault = runtime.vault.of(connection, organisation=organisation)
        therapist, _ = store.find_or_make_person(
            connection,
            "therapist",
            reference,
            organisation=organisation,
            new_id=runtime.new_id,
            seal=lambda person_id: vault.seal_therapist(person_id, (person.system or "", person.value)),
            created_at=now,
        )
        if role in team_store.roles_of(connection, organisation=organisation, team=team_id, therapist=therapist):
            return therapist
        team_store.insert_membership(
            connection, organisation=organisation, team=team_id, therapist=therapist, role=role, since=now
        )
        about = {"team_id": str(team_id), "therapist_id": str(therapist), "role": role}
        log(connection, runtime, "team.member_added", about, organisation=organisation, at=now)
        return therapist

    return await runtime.database.write(work, organisation=organisation)


async def remove_from_team(
    runtime: Runtime, *, organisation: UUID, team: str, person: Person, role: Role | None
) -> UUID:
    """Take one part in a team from somebody, or every part; the next request of a supervisor's key knows it."""
    now = runtime.now()
    reference = runtime.keys.reference("therapist", person.system or "", person.value, organisation=organisation)

    def work(connection: Connection) -> UUID:
        team_id = _team(connection, team, organisation=organisation)
        therapist = store.find_person(connection, "therapist", reference, organisation=organisation)
        if therapist is None:
            raise NotFound
        held = team_store.roles_of(connection, organisation=organisation, team=team_id, therapist=therapist)
        taken = sorted(held if role is None else held & {role})
        if not taken:
            raise NotFound
        for one in taken:
            team_store.delete_membership(
                connection, organisation=organisation, team=team_id, therapist=therapist, role=one
            )
            about = {"team_id": str(team_id), "therapist_id": str(therapist), "role": one}
            log(connection, runtime, "team.member_removed", about, organisation=organisation, at=now)
        return therapist

    return await runtime.database.write(work, organisation=organisation)


async def list_teams(runtime: Runtime, *, organisation: UUID) -> list[Team]:
    """List an organisation's teams with who is in them."""

    def work(connection: Connection) -> list[Team]:
        found: dict[UUID, list[Membership]] = {}
        for row in team_store.list_memberships(connection, organisation=organisation):
            one = Membership(therapist_id=row.therapist_id, role=row.role, since=row.since)
            found.setdefault(row.team_id, []).append(one)
        return [
            Team(
                team_id=row.team_id,
                name=row.name,
                created_at=row.created_at,
                memberships=tuple(found.get(row.team_id, ())),
            )
            for row in team_store.list_teams(connection, organisation=organisation)
        ]

    return await runtime.database.read(work, organisation=organisation)


def _team(connection: Connection, named: str, *, organisation: UUID) -> UUID:
    """Find and lock a team by its name or id, so that what is counted of it stays."""
    found = team_store.find_team(connection, named, organisation=organisation)
    if found is None:
        raise NotFound
    return found
