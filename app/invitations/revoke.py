"""Revoke an invitation: its token opens nothing any longer."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from app.access.binding import log
from app.access.caller import Caller
from app.errors import InvitationUsed
from app.invitations.invitation import Invitation, invitation_of
from app.invitations.show import seen
from app.invitations.store import change_invitation
from app.storage.runtime import Runtime


async def revoke(runtime: Runtime, caller: Caller, invitation_id: UUID) -> Invitation:
    """Revoke an invitation that was not used; once more changes nothing."""
    organisation, now = caller.organisation, runtime.now()

    def work(connection: Connection) -> Invitation:
        row = seen(connection, caller, invitation_id, lock=True)
        if row.submission_id is not None:
            raise InvitationUsed
        if row.revoked_at is None:
            change_invitation(connection, invitation_id, {"revoked_at": now}, organisation=organisation)
            about = {"invitation_id": str(invitation_id), "client_id": str(row.client_id)}
            log(
                connection, runtime, "invitation.revoked", about,
                organisation=organisation, at=now, application=caller.application, acting=caller.acting,
            )  # fmt: skip
        return invitation_of(seen(connection, caller, invitation_id), now=now)

    return await runtime.database.write(work, organisation=organisation)
