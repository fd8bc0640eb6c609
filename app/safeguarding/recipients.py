"""The people who read safety checks, in the order in which it is their turn. An operator keeps the list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.access.store import has_organisation
from app.errors import LimitReached, Misconfigured, NotFound
from app.safeguarding.check import recipient_place
from app.safeguarding.log import log_step
from app.safeguarding.people import person_digest
from app.safeguarding.store import insert_recipient, live_recipients, lock_recipients, remove_recipient
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: A few people who know that it is theirs; everybody is nobody.
MOST: Final = 20
LONGEST_PERSON: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody who reads safety checks."""

    recipient_id: UUID
    position: int
    person: str
    added_at: datetime


async def add_recipient(runtime: Runtime, *, organisation: UUID, person: str) -> UUID:
    """Put somebody behind those who are on the list; who is there already keeps their place."""
    person = _checked(person)
    reference = person_digest(runtime, person, organisation=organisation)

    def work(connection: Connection) -> UUID:
        if not has_organisation(connection, organisation=organisation):
            raise NotFound
        lock_recipients(connection, organisation=organisation)
        found = live_recipients(connection, organisation=organisation)
        known = _named(found, reference.digest)
        if known is not None:
            return known
        if len(found) >= MOST:
            raise LimitReached(f"at most {MOST} people read safety checks: remove one first")
        made, now = runtime.new_id(), runtime.now()
        vault = runtime.vault.of(connection, organisation=organisation)
        row = {
            "recipient_id": made,
            "reference_key": reference.key_id,
            "reference": reference.digest,
            "sealed_acting": vault.seal_safeguarding(person, recipient_place(made)),
            "added_at": now,
        }
        insert_recipient(connection, row, organisation=organisation)
        log_step(
            connection,
            runtime,
            "safeguarding.recipient_added",
            organisation=organisation,
            at=now,
            recipient_id=made,
        )
        return made

    return await runtime.database.write(work, organisation=organisation)


async def take_recipient_off(runtime: Runtime, *, organisation: UUID, person: str) -> UUID:
    """Take somebody off the list: their next request opens nothing, and what waited for them goes to the next one."""
    reference = person_digest(runtime, _checked(person), organisation=organisation)

    def work(connection: Connection) -> UUID:
        found = live_recipients(connection, organisation=organisation)
        own = next((one for one in found if one.reference == reference.digest), None)
        if own is None:
            raise NotFound
        now, recipient_id = runtime.now(), UUID(str(own.recipient_id))
        remove_recipient(
            connection, organisation=organisation, recipient_id=recipient_id, position=own.position, at=now
        )
        log_step(
            connection,
            runtime,
            "safeguarding.recipient_removed",
            organisation=organisation,
            at=now,
            recipient_id=recipient_id,
        )
        return recipient_id

    return await runtime.database.write(work, organisation=organisation)


async def list_recipients(runtime: Runtime, *, organisation: UUID) -> list[Recipient]:
    """List who reads safety checks, in their order."""

    def work(connection: Connection) -> list[Recipient]:
        if not has_organisation(connection, organisation=organisation):
            raise NotFound
        vault = runtime.vault.of(connection, organisation=organisation)
        return [
            Recipient(
                recipient_id=row.recipient_id,
                position=place,
                person=vault.open_safeguarding(row.sealed_acting, recipient_place(row.recipient_id)),
                added_at=row.added_at,
            )
            for place, row in enumerate(live_recipients(connection, organisation=organisation), start=1)
        ]

    return await runtime.database.read(work, organisation=organisation)


def _named(found: list[AnyRow], digest: bytes) -> UUID | None:
    return next((one.recipient_id for one in found if one.reference == digest), None)


def _checked(person: str) -> str:
    person = person.strip()
    if not (0 < len(person) <= LONGEST_PERSON and person.isascii() and person.isprintable()):
        raise Misconfigured(f"a person is 1 to {LONGEST_PERSON} printable characters, as requests name them")
    return person
