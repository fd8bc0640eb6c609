"""Fetch the form that one was invited to fill in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import ClientErased, InvitationNeeded, InvitationOver, KeyDestroyed, NotFound, Unauthenticated
from app.invitations.invitation import Invitation, SealedForm, invitation_of
from app.invitations.invite import open_form
from app.invitations.store import find_invitation
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fetched:
    """An invitation with what is sealed of it."""

    invitation: Invitation
    form: SealedForm


async def fetch(runtime: Runtime, caller: Caller) -> Fetched:
    """Return the invitation whose token the caller has; ahead of its time too, so that a phone may be offline then."""
    found = await invited(runtime, caller)
    if found.invitation.status == "expired":
        raise InvitationOver
    return found


async def invited(runtime: Runtime, caller: Caller) -> Fetched:
    """Return the invitation whose token the caller has, whatever the time."""
    invitation_id = invitation_id_of(caller)

    def work(connection: Connection) -> Fetched:
        row = find_invitation(connection, invitation_id, organisation=caller.organisation)
        if row is None:
            raise NotFound
        try:
            form = open_form(runtime, connection, row)
        except KeyDestroyed:
            raise ClientErased from None
        return Fetched(invitation=invitation_of(row, now=runtime.now()), form=form)

    return await runtime.database.read(work, organisation=caller.organisation)


def still_invited(connection: Connection, caller: Caller, invitation: Invitation) -> AnyRow:
    """Lock the invitation in the transaction of what it brings: a token that died meanwhile brings nothing."""
    row = find_invitation(connection, invitation.invitation_id, organisation=caller.organisation, lock=True)
    if row is None or row.revoked_at is not None or row.renewals != invitation.renewals:
        raise Unauthenticated
    return row


def invitation_id_of(caller: Caller) -> UUID:
    """Return the invitation with which somebody calls."""
    if caller.invitation is None:
        raise InvitationNeeded
    return caller.invitation
