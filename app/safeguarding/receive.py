"""Receive a safety check: sealed, for those who read it, and told to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import Fault, InvalidSubmission, KeyReused, NotFound, SafeguardingNotConfigured
from app.safeguarding.check import EVERYBODY, ClientRef, Content, Receipt, content_text, place_of
from app.safeguarding.configure import texts_of
from app.safeguarding.form import SafetyAnswers
from app.safeguarding.log import log_step
from app.safeguarding.offer import Choose, check_may_post, offered, ready
from app.safeguarding.people import Person, known_client, named_client, person_digest, therapist_digests
from app.safeguarding.readers import first_turn, opened
from app.safeguarding.store import find_check_by_key, insert_check
from app.storage.documents import to_json
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: By which way a check comes: a key of one way is none of the other.
Route = Literal["safeguarding", "invitations"]
#: How far a sender's clock may run ahead of ours.
AHEAD: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyCheck:
    """A check as it was sent; whom a bound key opens need not be named. The therapist is kept from reading it."""

    client_ref: ClientRef | None
    therapist_ref: ClientRef | None
    answers: SafetyAnswers
    completed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """That a check came in, now or by an earlier request with this key."""

    receipt: Receipt
    replayed: bool


async def receive(
    runtime: Runtime,
    caller: Caller,
    sent: SafetyCheck,
    *,
    key: str,
    choose: Choose,
    route: Route = "safeguarding",
    along: Callable[[Connection], None] | None = None,
) -> Received:
    """Keep a check, once for each key; where nobody would read it, it is refused.

    `along` is done in the check's own transaction; what it raises keeps the check out.
    """
    check_may_post(caller)
    if sent.completed_at > runtime.now() + AHEAD:
        raise InvalidSubmission(Fault(pointer="/completed_at", code="in_the_future"))
    if sent.client_ref is None and caller.client_id is None:
        raise InvalidSubmission(Fault(pointer="/client_ref", code="required"))
    bound = "\n".join((key, route, str(caller.application), caller.client_named))
    digest = runtime.keys.content("key", bound, organisation=caller.organisation)

    def work(connection: Connection) -> Received:
        if along is not None:
            along(connection)
        attempt = _Attempt(connection=connection, runtime=runtime, caller=caller, sent=sent, choose=choose)
        return attempt.run(digest, tells_repeats=route != "invitations")

    async with runtime.flights.hold([digest]):
        return await runtime.database.write(work, organisation=caller.organisation)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One attempt at the transaction."""

    connection: Connection
    runtime: Runtime
    caller: Caller
    sent: SafetyCheck
    choose: Choose

    def run(self, key: bytes, *, tells_repeats: bool) -> Received:
        """Keep the check, or find it kept; a repeat that isn't told is answered and refused as a first one would be.

        Words and language of the first receipt, and a receipt where none is given any more, would tell it.
        """
        organisation = self.caller.organisation
        fingerprint = self.runtime.keys.content("request", to_json(self.sent), organisation=organisation)
        before = find_check_by_key(self.connection, key, organisation=organisation)
        if before is not None and before.fingerprint != fingerprint:
            raise KeyReused
        if before is not None and tells_repeats:
            content = opened(self.connection, self.runtime, before, organisation=organisation)
            return Received(receipt=content.receipt, replayed=True)
        row, recipients = ready(self.connection, organisation=organisation)
        person = self._person()
        kept_from = self._kept_from(person)
        position = first_turn(recipients, kept_from=kept_from)
        if position == EVERYBODY:
            raise SafeguardingNotConfigured
        told = offered(texts_of(row), self.choose)
        receipt = Receipt(locale=told.form.locale, who_reads=told.before.who_reads, in_a_crisis=told.before.in_a_crisis)
        if before is not None:
            return Received(receipt=receipt, replayed=True)
        content = Content(client_ref=person.client_ref, answers=self.sent.answers, receipt=receipt, kept_from=kept_from)
        made = self._row(person, content, position=position, settings=row)
        insert_check(self.connection, {**made, "key": key, "fingerprint": fingerprint}, organisation=organisation)
        log_step(
            self.connection,
            self.runtime,
            "safety_check.received",
            organisation=organisation,
            at=made["received_at"],
            application=self.caller.application,
            check_id=made["check_id"],
        )
        return Received(receipt=receipt, replayed=False)

    def _person(self) -> Person:
        """Find the client; a key that opens one client takes that client's checks only."""
        organisation, named = self.caller.organisation, self.sent.client_ref
        found = None
        if named is not None:
            found = named_client(self.connection, self.runtime, named, organisation=organisation)
        if self.caller.client_id is not None:
            if found is not None and found.client_id != self.caller.client_id:
                raise NotFound
            own = known_client(self.connection, self.runtime, self.caller.client_id, organisation=organisation)
            return found or own
        if found is None:
            raise NotFound
        return found

    def _kept_from(self, person: Person) -> frozenset[str]:
        """Digest the therapists of the client as they are known now: an erasure takes the episodes away."""
        organisation, named = self.caller.organisation, self.sent.therapist_ref
        found = therapist_digests(self.connection, self.runtime, [person.client_id], organisation=organisation)
        if named is not None:
            found |= {person_digest(self.runtime, named.value, organisation=organisation).digest.hex()}
        return found

    def _row(self, person: Person, content: Content, *, position: int, settings: AnyRow) -> dict[str, Any]:
        check_id, now = self.runtime.new_id(), self.runtime.now()
        vault = self.runtime.vault.of(self.connection, organisation=self.caller.organisation)
        is_open = not content.answers.asks_for_nobody
        return {
            "check_id": check_id,
            "application_id": self.caller.application,
            "client_id": person.client_id,
            "sealed": vault.seal_safeguarding(content_text(content), place_of(check_id)),
            "completed_at": self.sent.completed_at,
            "received_at": now,
            "state": "open" if is_open else "closed",
            "position": position,
            "escalates_at": now + timedelta(minutes=settings.escalate_after_minutes) if is_open else None,
        }
