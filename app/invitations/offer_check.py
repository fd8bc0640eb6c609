"""Offer the safety check beside the form that one was invited to fill in."""

from __future__ import annotations

from sqlalchemy import Connection

from app.access.caller import Caller
from app.access.visibility import OWN
from app.errors import InvitationOver, NotFound
from app.invitations.fetch import invitation_id_of
from app.invitations.invitation import Invitation, invitation_of
from app.invitations.store import find_invitation
from app.safeguarding.offer import Choose, Offered, is_offered, offer
from app.storage.runtime import Runtime


async def offer_check(runtime: Runtime, caller: Caller, *, choose: Choose) -> Offered:
    """Return the safety check for who was invited: ahead of the time, and whether or not the form was brought."""
    found = await invited_to_check(runtime, caller)
    if runtime.now() > found.expires_at:
        raise InvitationOver
    return await offer(runtime, caller, choose=choose)


async def offers_check(runtime: Runtime, caller: Caller, invitation: Invitation) -> bool:
    """Say whether there is a safety check beside a form: by what the organisation offers, and to whom, alone."""
    return invitation.rater in OWN and await is_offered(runtime, organisation=caller.organisation)


async def invited_to_check(runtime: Runtime, caller: Caller) -> Invitation:
    """Return the invitation whose token the caller has, if there is a safety check for who fills its form in.

    What is sealed of it is not needed, so that a check is taken of somebody who was erased, too.
    """
    invitation_id = invitation_id_of(caller)

    def work(connection: Connection) -> Invitation:
        row = find_invitation(connection, invitation_id, organisation=caller.organisation)
        if row is None or row.rater not in OWN:
            raise NotFound
        return invitation_of(row, now=runtime.now())

    return await runtime.database.read(work, organisation=caller.organisation)
