"""Renew an invitation: a new token and a new end; the token before is dead."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.access.binding import log
from app.access.caller import Caller
from app.access.invitation_token import new_invitation_token
from app.errors import InvitationUsed
from app.invitations.invitation import invitation_of
from app.invitations.invite import Invited, checked_window
from app.invitations.show import seen
from app.invitations.store import change_invitation
from app.storage.runtime import Runtime


async def renew(runtime: Runtime, caller: Caller, invitation_id: UUID, *, expires_at: datetime | None) -> Invited:
    """Return an invitation with a fresh token; one that was used or revoked stays as it is."""
    organisation, now = caller.organisation, runtime.now()
    token = new_invitation_token(invitation_id, organisation=organisation)
    digest = runtime.keys.invitation(token.secret, organisation=organisation, invitation_id=invitation_id)

    def work(connection: Connection) -> Invited:
        row = seen(connection, caller, invitation_id, lock=True)
        if row.submission_id is not None or row.revoked_at is not None:
            raise InvitationUsed
        _, expires = checked_window(row.opens_at, expires_at, now=now)
        changes = {"digest": digest, "expires_at": expires, "renewals": row.renewals + 1}
        change_invitation(connection, invitation_id, changes, organisation=organisation)
        about = {"invitation_id": str(invitation_id), "client_id": str(row.client_id)}
        log(
            connection, runtime, "invitation.renewed", about,
            organisation=organisation, at=now, application=caller.application, acting=caller.acting,
        )  # fmt: skip
        return Invited(invitation=invitation_of(seen(connection, caller, invitation_id), now=now), token=token.text)

    return await runtime.database.write(work, organisation=organisation)
