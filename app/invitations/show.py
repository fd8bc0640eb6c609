"""Say how an invitation stands."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import NotFound
from app.invitations.invitation import Invitation, invitation_of
from app.invitations.store import find_invitation
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


async def show(runtime: Runtime, caller: Caller, invitation_id: UUID) -> Invitation:
    """Return an invitation to who may see its client and therapist."""
    row = await runtime.database.read(lambda c: seen(c, caller, invitation_id), organisation=caller.organisation)
    return invitation_of(row, now=runtime.now())


def seen(connection: Connection, caller: Caller, invitation_id: UUID, *, lock: bool = False) -> AnyRow:
    """Return the row of an invitation that a caller may see; any other is absent, as one to another rater's form is."""
    row = find_invitation(connection, invitation_id, organisation=caller.organisation, lock=lock)
    visible = row is not None and caller.may_see(client_id=row.client_id, therapist_id=row.therapist_id)
    if row is None or not visible or not caller.may_send(row.rater):
        raise NotFound
    return row
