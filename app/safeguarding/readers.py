"""Who may read a check: the live recipients whom the request names, but for the client's own therapists.

Whoever may post a form may name anybody as therapist. So forms that come after a check can't hide it from everybody:
they keep it from those whom they name only while another recipient may read it.

From whom a check is kept stands within what is sealed. One that does not open is shown, as damaged and as nothing else,
to those who treat nobody: somebody has to learn that it is there, and not the client's therapist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import ActingRequired, NotARecipient, NotFound, SealBroken
from app.safeguarding.check import EVERYBODY, Content, Standing, Turn, content_of, place_of
from app.safeguarding.people import (
    everybodys_therapists,
    is_stranger,
    named_client,
    person_digest,
    therapist_digests,
)
from app.safeguarding.store import find_check, live_recipients
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A check that a reader may see; without its content where what is sealed does not open."""

    row: AnyRow
    content: Content | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A recipient who asks, within one transaction."""

    connection: Connection
    runtime: Runtime
    organisation: UUID
    recipient: AnyRow
    recipients: Sequence[AnyRow]
    acting: str
    _therapists: dict[UUID, frozenset[str]] = field(default_factory=dict)
    _everybodys: list[frozenset[str]] = field(default_factory=list)

    @classmethod
    def of(cls, connection: Connection, runtime: Runtime, caller: Caller) -> Reader:
        """Find the recipient whom the request names, or say that there is none."""
        if caller.acting is None:
            raise ActingRequired
        reference = person_digest(runtime, caller.acting, organisation=caller.organisation)
        found = live_recipients(connection, organisation=caller.organisation)
        own = next((one for one in found if one.reference == reference.digest), None)
        if own is None:
            raise NotARecipient
        return cls(
            connection=connection,
            runtime=runtime,
            organisation=caller.organisation,
            recipient=own,
            recipients=found,
            acting=caller.acting,
        )

    def check(self, check_id: UUID) -> Seen:
        """Lock one check and look at it; one about the reader's own client is absent."""
        row = find_check(self.connection, check_id, organisation=self.organisation, lock=True)
        seen = None if row is None else self.look(row)
        if seen is None:
            raise NotFound
        return seen

    def look(self, row: AnyRow) -> Seen | None:
        """Look at a check; None if the reader is a therapist of the client, or was one when it came in."""
        content: Content | None = None
        try:
            content = opened(self.connection, self.runtime, row, organisation=self.organisation)
        except SealBroken:
            kept_from = self._kept_from_unread(row)
        else:
            kept_from = barred(self.recipients, content, self._therapists_of(row, content))
        return None if self.recipient.reference.hex() in kept_from else Seen(row=row, content=content)

    def standing(self, seen: Seen) -> Standing:
        """Tell how far a check is, and whose turn it is."""
        row = seen.row
        is_open = row.state == "open"
        mine = row.position == self.recipient.position
        turn: Turn = "everybodys" if row.position == EVERYBODY else "yours" if mine else "anothers"
        return Standing(
            check_id=row.check_id,
            state=row.state,
            readable=seen.content is not None,
            received_at=row.received_at,
            turn=turn if is_open else None,
            escalates_at=row.escalates_at if is_open else None,
        )

    def _therapists_of(self, row: AnyRow, content: Content) -> frozenset[str]:
        """Digest the therapists whom the client has now: there may be one more since the check came in."""
        if row.client_id not in self._therapists:
            self._therapists[row.client_id] = therapists_now(
                self.connection, self.runtime, row, content, organisation=self.organisation
            )
        return self._therapists[row.client_id]

    def _kept_from_unread(self, row: AnyRow) -> frozenset[str]:
        """Say from whom a check is kept of which only the client's id is known."""
        own = therapist_digests(self.connection, self.runtime, [row.client_id], organisation=self.organisation)
        if not self._everybodys:
            found = everybodys_therapists(self.connection, self.runtime, organisation=self.organisation)
            self._everybodys.append(found)
        return barred_unread(self.recipients, everybodys=self._everybodys[0], own=own)


def opened(connection: Connection, runtime: Runtime, row: AnyRow, *, organisation: UUID) -> Content:
    """Open the sealed part of a check."""
    vault = runtime.vault.of(connection, organisation=organisation)
    return content_of(vault.open_safeguarding(row.sealed, place_of(row.check_id)))


def therapists_now(
    connection: Connection, runtime: Runtime, row: AnyRow, content: Content, *, organisation: UUID
) -> frozenset[str]:
    """Digest the therapists of a check's client, whom a form may have named only after the check came in."""
    client_id = row.client_id
    if is_stranger(client_id) and content.client_ref is not None:
        client_id = named_client(connection, runtime, content.client_ref, organisation=organisation).client_id
    return therapist_digests(connection, runtime, [client_id], organisation=organisation)


def barred(recipients: Sequence[AnyRow], content: Content, now: frozenset[str]) -> frozenset[str]:
    """Say from whom a check is kept: those known when it came in; those named since, while another may read it."""
    since = content.named_since | now
    left = {one.reference.hex() for one in recipients} - content.kept_from - since
    return content.kept_from | since if left else content.kept_from


def barred_unread(recipients: Sequence[AnyRow], *, everybodys: frozenset[str], own: frozenset[str]) -> frozenset[str]:
    """Say from whom a check that does not open is kept: who treats anybody, else the client's own, else nobody."""
    for kept_from in (everybodys, own):
        if any(one.reference.hex() not in kept_from for one in recipients):
            return kept_from
    return frozenset()


def first_turn(recipients: Sequence[AnyRow], *, kept_from: frozenset[str], behind: int = 0) -> int:
    """Return the position of the next recipient who may read a check; everybody's turn where there is none."""
    for one in recipients:
        if one.position > behind and one.reference.hex() not in kept_from:
            position: int = one.position
            return position
    return EVERYBODY
