"""Somebody of whom every table knows something, and the ways to look for them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import Connection, Table, func, insert, or_, select

from app.access.organisation import change_settings
from app.people.holds import ClientRef, hold
from app.people.replay_erasures import replay_erasures
from app.storage.people_tables import consents, legal_holds
from app.storage.tables import metadata
from app.storage.token_tables import invitations
from tests.harness import ANSWERS, Clinic, form, therapists_form

#: By these a row is about somebody.
IDS = ("client_id", "episode_id", "submission_id", "signal_id")
#: What an erasure leaves: the tombstone, and what is kept by the organisation's safeguarding retention.
KEPT = {"erasures", "safety_checks"}
AT = datetime(2026, 1, 1, tzinfo=UTC)


def tables_about_clients() -> dict[str, list[str]]:
    """Read off the metadata which tables may hold rows about a client, and by which columns."""
    found = {name: [one for one in IDS if one in table.c] for name, table in metadata.tables.items()}
    return {name: columns for name, columns in found.items() if columns and name not in KEPT}


def told_everything(clinic: Clinic, ref: str = "mrn-1042") -> UUID:
    """Make a client whom every table knows: forms of both raters, corrected, withdrawn, commented, with signals."""
    allow_comments(clinic)
    about: dict[str, Any] = {"client_ref": ref, "episode_ref": f"episode of {ref}"}
    made = [
        clinic.recorded(form(**about, session_number=n, source={"system": "s", "id": f"{ref} {n}"}, comment="Zeit"))
        for n in (1, 2, 3)
    ]
    clinic.recorded(form(**about, session_number=4, answers={"1": 4}))  # not complete: not counted
    clinic.recorded(therapists_form(**about))
    signal = clinic.recorded(form(**about, session_number=5, reported={"rupture": True}))["signals"][0]
    assert (
        clinic.correct(made[1]["id"], form(**about, session_number=2, answers={**ANSWERS, "1": 1})).status_code == 201
    )
    assert clinic.withdraw(made[2]["id"]).status_code == 201
    client_id = UUID(made[0]["client_id"])
    path = f"/v1/clients/{client_id}/signals/{signal['id']}/acknowledgements"
    seen = {"acting": "th-7", "reason": "other"}
    assert clinic.request("POST", path, json=seen, headers={"Idempotency-Key": str(uuid4())}).status_code == 201
    assert clinic.bound("client", ref).get(f"/v1/clients/{client_id}/progress").status_code == 200
    clinic.service.in_service(partial(_by_hand, clinic, client_id), organisation=clinic.organisation)
    return client_id


def allow_comments(clinic: Clinic) -> None:
    """Let the clinic's forms hold free text."""
    work = partial(change_settings, changes={"comments_allowed": True}, organisation=clinic.organisation, at=AT)
    clinic.service.in_service(work, organisation=clinic.organisation)


def held(clinic: Clinic, ref: str = "mrn-1042", *, reason: str = "a claim") -> UUID:
    """Place a legal hold on a client."""
    client = ClientRef(system=None, value=ref)
    placing = partial(hold, client=client, reason=reason, acting="officer-9")
    work = partial(placing, clinic.service.runtime, organisation=clinic.organisation)
    hold_id: UUID = clinic.service.portal.call(work)
    return hold_id


def _by_hand(clinic: Clinic, client_id: UUID, connection: Connection) -> None:
    """Add what no form brings: a consent, a hold that was lifted, an invitation."""
    of = {"organisation_id": clinic.organisation, "client_id": client_id}
    connection.execute(
        insert(consents).values(
            **of, consent_id=uuid4(), subject="research", decision="given", text_version="1", stated_at=AT,
            recorded_at=AT, application_id=clinic.application,
        )
    )  # fmt: skip
    connection.execute(
        insert(legal_holds).values(**of, hold_id=uuid4(), sealed_reason=b"x", placed_at=AT, lifted_at=AT)
    )
    therapist = connection.execute(
        select(metadata.tables["therapists"].c.therapist_id).where(
            metadata.tables["therapists"].c.organisation_id == clinic.organisation
        )
    ).scalars().first()  # fmt: skip
    connection.execute(
        insert(invitations).values(
            **of, invitation_id=uuid4(), application_id=clinic.application, therapist_id=therapist, instrument="trq-s",
            instrument_version="1.0.0", rater="client", session_number=9, sealed_form=b"x", digest=b"x" * 32,
            opens_at=AT, expires_at=AT, made_at=AT, renewals=0, key=uuid4().bytes * 2,
        )
    )  # fmt: skip


def ids_of(clinic: Clinic, client_id: UUID) -> dict[str, list[UUID]]:
    """Collect every id by which the rows about a client are found."""
    signals, submissions = metadata.tables["signals"], metadata.tables["submissions"]

    def work(connection: Connection) -> dict[str, list[UUID]]:
        def ids(table: Table, column: str) -> list[UUID]:
            mine = (table.c.organisation_id == clinic.organisation) & (table.c.client_id == client_id)
            return list(connection.execute(select(table.c[column]).where(mine).distinct()).scalars())

        return {
            "client_id": [client_id],
            "episode_id": ids(metadata.tables["episodes"], "episode_id"),
            "submission_id": ids(submissions, "submission_id"),
            "signal_id": ids(signals, "signal_id"),
        }

    return clinic.service.read(work)


def rows_about(clinic: Clinic, ids: dict[str, list[UUID]]) -> dict[str, int]:
    """Count the rows about somebody in every table that may hold any."""

    def work(connection: Connection) -> dict[str, int]:
        found = {}
        for name, columns in tables_about_clients().items():
            table = metadata.tables[name]
            query = select(func.count()).select_from(table)
            query = query.where(table.c.organisation_id == clinic.organisation)
            found[name] = connection.execute(
                query.where(or_(*(table.c[one].in_(ids[one]) for one in columns)))
            ).scalar_one()
        return found

    return clinic.service.read(work)


def erased(clinic: Clinic, client_id: UUID | str, **headers: str) -> httpx.Response:
    """Ask for an erasure."""
    return clinic.request("DELETE", f"/v1/clients/{client_id}", headers=headers)


def replayed(clinic: Clinic) -> dict[str, int]:
    """Erase again who came back by a restore."""
    work = partial(replay_erasures, clinic.service.runtime, organisation=clinic.organisation)
    counts: dict[str, int] = clinic.service.portal.call(work)
    return counts
