"""Organisations, applications and keys in SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, ScalarSelect, String, bindparam, case, cast, func, insert, select, update

from app.access.organisation import ACTING_REQUIRED, TOKENS_ONLY
from app.errors import ClientErased
from app.storage.dialects import in_both
from app.storage.keyring import Keyed
from app.storage.people_tables import erasures
from app.storage.tables import (
    api_keys,
    applications,
    clients,
    enabled_instruments,
    organisations,
    therapists,
)
from app.storage.team_tables import memberships
from app.storage.types import AnyRow

#: As app/access/key_life.py has it: neither revoked nor over.
_IS_ALIVE = api_keys.c.revoked_at.is_(None) & (
    api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > bindparam("now"))
)


def insert_organisation(connection: Connection, *, organisation: UUID, name: str, created_at: datetime) -> None:
    """Add an organisation."""
    connection.execute(insert(organisations).values(organisation_id=organisation, name=name, created_at=created_at))


def list_organisations(connection: Connection) -> list[AnyRow]:
    """List every organisation: the operator's view, reached from the command line only."""
    return list(connection.execute(select(organisations).order_by(organisations.c.created_at)))


def has_organisation(connection: Connection, *, organisation: UUID) -> bool:
    """Say whether the organisation is there."""
    found = connection.execute(
        select(organisations.c.organisation_id).where(organisations.c.organisation_id == organisation)
    )
    return found.first() is not None


def insert_application(
    connection: Connection,
    *,
    organisation: UUID,
    application: UUID,
    name: str,
    audience: str,
    scopes: list[str],
    created_at: datetime,
) -> None:
    """Add an application."""
    connection.execute(
        insert(applications).values(
            organisation_id=organisation,
            application_id=application,
            name=name,
            audience=audience,
            scopes=scopes,
            created_at=created_at,
        )
    )


def list_applications(connection: Connection, *, organisation: UUID, now: datetime) -> list[AnyRow]:
    """List the organisation's applications with the number of keys that are alive."""
    alive = func.count(api_keys.c.key_id).filter(_IS_ALIVE).label("keys_alive")
    return list(
        connection.execute(
            select(applications, alive)
            .outerjoin(
                api_keys,
                (api_keys.c.organisation_id == applications.c.organisation_id)
                & (api_keys.c.application_id == applications.c.application_id),
            )
            .where(applications.c.organisation_id == organisation)
            .group_by(applications.c.organisation_id, applications.c.application_id)
            .order_by(applications.c.created_at),
            {"now": now},
        )
    )


def lock_application(connection: Connection, *, organisation: UUID, application: UUID) -> str | None:
    """Lock an application while its keys are counted, and return its audience; None when it is not there."""
    query = (
        select(applications.c.audience)
        .where(applications.c.organisation_id == organisation, applications.c.application_id == application)
        .with_for_update()
    )
    found: str | None = connection.execute(query).scalar()
    return found


def list_keys(connection: Connection, *, organisation: UUID, application: UUID) -> list[AnyRow]:
    """List an application's keys, dead ones too, without their digests."""
    return list(
        connection.execute(
            select(
                api_keys.c.key_id,
                api_keys.c.client_id,
                api_keys.c.therapist_id,
                api_keys.c.acts_as,
                api_keys.c.created_at,
                api_keys.c.expires_at,
                api_keys.c.revoked_at,
            )
            .where(api_keys.c.organisation_id == organisation, api_keys.c.application_id == application)
            .order_by(api_keys.c.created_at)
        )
    )


def list_ending_keys(connection: Connection, *, organisation: UUID, now: datetime, until: datetime) -> list[AnyRow]:
    """List the keys that are alive and end until some time, the next one first, with their applications' names."""
    return list(
        connection.execute(
            select(applications.c.name.label("application"), api_keys.c.key_id, api_keys.c.expires_at)
            .join_from(
                api_keys,
                applications,
                (applications.c.organisation_id == api_keys.c.organisation_id)
                & (applications.c.application_id == api_keys.c.application_id),
            )
            .where(api_keys.c.organisation_id == organisation, _IS_ALIVE, api_keys.c.expires_at <= until)
            .order_by(api_keys.c.expires_at),
            {"now": now},
        )
    )


def insert_key(
    connection: Connection,
    *,
    organisation: UUID,
    application: UUID,
    key_id: UUID,
    digest: bytes,
    created_at: datetime,
    expires_at: datetime | None,
    client_id: UUID | None = None,
    therapist_id: UUID | None = None,
    acts_as: str | None = None,
) -> None:
    """Add a key's digest, its end, the one client or therapist that it opens, and as whom it acts."""
    connection.execute(
        insert(api_keys).values(
            organisation_id=organisation,
            application_id=application,
            key_id=key_id,
            digest=digest,
            client_id=client_id,
            therapist_id=therapist_id,
            acts_as=acts_as,
            created_at=created_at,
            expires_at=expires_at,
        )
    )


def revoke_key(connection: Connection, *, organisation: UUID, key_id: UUID, revoked_at: datetime) -> bool:
    """Mark a key as revoked, also one that is over; False when there is none such, or it was revoked before."""
    result = connection.execute(
        update(api_keys)
        .where(
            api_keys.c.organisation_id == organisation,
            api_keys.c.key_id == key_id,
            api_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=revoked_at)
    )
    return result.rowcount == 1


def _members() -> ScalarSelect[str]:
    """List the members of the teams that the person of a key supervises, with commas.

    A list of ids as text is the one spelling that both databases make and read.
    """
    supervising, members = memberships.alias("supervising"), memberships.alias("members")
    return (
        select(func.aggregate_strings(cast(members.c.therapist_id, String), ","))
        .select_from(supervising)
        .join(
            members,
            (members.c.organisation_id == supervising.c.organisation_id) & (members.c.team_id == supervising.c.team_id),
        )
        .where(
            supervising.c.organisation_id == api_keys.c.organisation_id,
            supervising.c.therapist_id == api_keys.c.therapist_id,
            supervising.c.role == "supervisor",
            members.c.role == "member",
        )
        .correlate(api_keys)
        .scalar_subquery()
    )


_LIVE_KEYS = in_both(
    lambda among: (
        select(
            api_keys.c.organisation_id,
            api_keys.c.key_id,
            api_keys.c.digest,
            api_keys.c.client_id,
            api_keys.c.therapist_id,
            api_keys.c.acts_as,
            applications.c.application_id,
            applications.c.audience,
            applications.c.scopes,
            applications.c.epoch,
            case((applications.c.audience == "supervisor", _members())).label("supervised"),  # no other key looks
            ACTING_REQUIRED,
            TOKENS_ONLY,
        )
        .join(
            applications,
            (applications.c.organisation_id == api_keys.c.organisation_id)
            & (applications.c.application_id == api_keys.c.application_id),
        )
        .where(
            api_keys.c.organisation_id == bindparam("organisation"),
            among(api_keys.c.key_id, "key_ids"),
            _IS_ALIVE,
        )
    )
)


def find_live_keys(
    connection: Connection, key_ids: Collection[UUID], *, organisation: UUID, now: datetime
) -> dict[UUID, AnyRow]:
    """Return live keys' digests with what they open, and their applications with audience and scopes."""
    sent = {"organisation": organisation, "key_ids": list(key_ids), "now": now}
    rows = connection.execute(_LIVE_KEYS[connection.dialect.name], sent)
    return {row.key_id: row for row in rows}


def find_person(
    connection: Connection, kind: Literal["client", "therapist"], reference: Keyed, *, organisation: UUID
) -> UUID | None:
    """Return the id of the person with a reference."""
    table, name = (clients, "client_id") if kind == "client" else (therapists, "therapist_id")
    query = select(table.c[name]).where(
        table.c.organisation_id == organisation,
        table.c.reference_key == reference.key_id,
        table.c.reference == reference.digest,
    )
    found: UUID | None = connection.execute(query).scalar()
    return found


def _was_erased(connection: Connection, reference: Keyed, *, organisation: UUID) -> bool:
    query = select(erasures.c.client_id).where(
        erasures.c.organisation_id == organisation,
        erasures.c.reference_key == reference.key_id,
        erasures.c.reference == reference.digest,
    )
    return connection.execute(query).first() is not None


def find_or_make_person(
    connection: Connection,
    kind: Literal["client", "therapist"],
    reference: Keyed,
    *,
    organisation: UUID,
    new_id: Callable[[], UUID],
    seal: Callable[[UUID], bytes],
    created_at: datetime,
) -> tuple[UUID, bool]:
    """Return the id of the person with a reference, and whether the person is new; `seal` is of what it stands for.

    Who was erased is not made again by a credential: ClientErased.
    """
    found = find_person(connection, kind, reference, organisation=organisation)
    if found is not None:
        return found, False
    if kind == "client" and _was_erased(connection, reference, organisation=organisation):
        raise ClientErased("the client was erased: only a form that was filled in since makes them known again")
    table, name = (clients, "client_id") if kind == "client" else (therapists, "therapist_id")
    made = new_id()
    connection.execute(
        insert(table).values(
            organisation_id=organisation,
            reference_key=reference.key_id,
            reference=reference.digest,
            sealed_reference=seal(made),
            created_at=created_at,
            **{name: made},
        )
    )
    return made, True


def insert_enabled(
    connection: Connection, *, organisation: UUID, instrument: str, checked_against: str, enabled_at: datetime
) -> None:
    """Record that the organisation has checked an instrument's key."""
    connection.execute(
        insert(enabled_instruments).values(
            organisation_id=organisation,
            instrument=instrument,
            checked_against=checked_against,
            enabled_at=enabled_at,
        )
    )


def enabled(connection: Connection, *, organisation: UUID) -> set[str]:
    """Return the keys of the instruments that the organisation has enabled."""
    rows = connection.execute(
        select(enabled_instruments.c.instrument).where(enabled_instruments.c.organisation_id == organisation)
    )
    return {row.instrument for row in rows}
