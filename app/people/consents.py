"""What a client was told and agreed to: every statement is kept, and the newest of a subject counts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import Fault, InvalidSubmission, NotFound, PreconditionFailed
from app.people.store import insert_consent, lock_client, read_client, read_consents
from app.storage.events import Event, append_events, sealed_in_subject
from app.storage.runtime import Runtime
from app.storage.sealed import Place
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault

Subject = Literal["measurement", "research"]
Decision = Literal["informed", "given", "refused", "withdrawn"]
#: How far a sender's clock may run ahead of ours.
AHEAD: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Something that a client was told, or decided, about measurement or research."""

    subject: Subject
    decision: Decision
    text_version: str
    stated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """All that a client stated, the newest first; `is_new`: one was kept just now."""

    client_id: UUID
    rows: tuple[AnyRow, ...]
    is_new: bool = False

    @property
    def tag(self) -> str:
        """Name this state, so that a statement can say which one it follows."""
        return sha256(f"{self.client_id} {[str(row.consent_id) for row in self.rows]}".encode()).hexdigest()[:32]

    def newest(self, subject: Subject) -> AnyRow | None:
        """Return the statement that counts for a subject."""
        return next((row for row in self.rows if row.subject == subject), None)


async def consents(runtime: Runtime, caller: Caller, *, client_id: UUID) -> Statements:
    """Return what a client stated, or raise NotFound: it is for the organisation's systems and the client."""
    _check(caller, client_id)

    def work(connection: Connection) -> Statements:
        if read_client(connection, client_id, organisation=caller.organisation) is None:
            raise NotFound
        return _read(connection, client_id, organisation=caller.organisation)

    return await runtime.database.read(work, organisation=caller.organisation)


async def state(
    runtime: Runtime, caller: Caller, statement: Statement, *, client_id: UUID, known: Collection[str] | None
) -> Statements:
    """Keep a statement, if what was stated before is what the sender knows; None: whatever it is.

    What was stated already may be sent again, whatever the sender knows: a retry must not fail, and adds nothing.
    """
    _check(caller, client_id)
    if statement.stated_at > runtime.now() + AHEAD:
        raise InvalidSubmission(Fault(pointer="/stated_at", code="in_the_future"))
    work = partial(_state, runtime=runtime, caller=caller, statement=statement, client_id=client_id, known=known)
    return await runtime.database.write(work, organisation=caller.organisation)


def _check(caller: Caller, client_id: UUID) -> None:
    if caller.therapists is not None or caller.client_id not in {None, client_id}:
        raise NotFound


def _state(
    connection: Connection,
    *,
    runtime: Runtime,
    caller: Caller,
    statement: Statement,
    client_id: UUID,
    known: Collection[str] | None,
) -> Statements:
    organisation = caller.organisation
    if lock_client(connection, client_id, organisation=organisation) is None:
        raise NotFound
    before = _read(connection, client_id, organisation=organisation)
    if any(_statement_of(row) == statement for row in before.rows):
        return before
    if known is not None and before.tag not in known:
        raise PreconditionFailed
    vault = runtime.vault.of(connection, organisation=organisation)
    row = _row(runtime, caller, statement, vault, client_id=client_id)
    insert_consent(connection, row, organisation=organisation)
    _log(connection, runtime, caller, statement, vault, client_id=client_id)
    rows = _read(connection, client_id, organisation=organisation).rows
    return Statements(client_id=client_id, rows=rows, is_new=True)


def _read(connection: Connection, client_id: UUID, *, organisation: UUID) -> Statements:
    return Statements(client_id=client_id, rows=tuple(read_consents(connection, client_id, organisation=organisation)))


def _statement_of(row: AnyRow) -> Statement:
    return Statement(subject=row.subject, decision=row.decision, text_version=row.text_version, stated_at=row.stated_at)


def _row(
    runtime: Runtime, caller: Caller, statement: Statement, vault: OrganisationVault, *, client_id: UUID
) -> dict[str, object]:
    consent_id = runtime.new_id()
    place = Place(table="consents", column="sealed_acting", row=consent_id)
    return {
        "client_id": client_id,
        "consent_id": consent_id,
        "subject": statement.subject,
        "decision": statement.decision,
        "text_version": statement.text_version,
        "stated_at": statement.stated_at,
        "recorded_at": runtime.now(),
        "application_id": caller.application,
        "sealed_acting": None if caller.acting is None else vault.seal(caller.acting, place),
    }


def _log(
    connection: Connection,
    runtime: Runtime,
    caller: Caller,
    statement: Statement,
    vault: OrganisationVault,
    *,
    client_id: UUID,
) -> None:
    event_id = runtime.new_id()
    event = Event(
        event_id=event_id,
        kind="consent.recorded",
        application_id=caller.application,
        subject={"client_id": str(client_id), "subject": statement.subject}
        | sealed_in_subject(vault, event_id, acting=caller.acting),
        recorded_at=runtime.now(),
    )
    append_events(connection, [event], organisation=vault.organisation)
