"""Whom a client's own key may name as therapist: those whom somebody has named for this client before.

Who names a therapist puts the client into that person's caseload. That is the organisation's to say, by its system's
forms or by an invitation. As long as nobody has said anything a phone's first form may: a key may come before it.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, bindparam, select, union

from app.access.caller import Caller
from app.errors import Fault, InvalidSubmission
from app.storage.tables import episodes
from app.storage.token_tables import invitations

_NAMED = union(
    *(
        select(table.c.therapist_id).where(
            table.c.organisation_id == bindparam("organisation"), table.c.client_id == bindparam("client_id")
        )
        for table in (episodes, invitations)
    )
)


def check_named(
    connection: Connection, caller: Caller, *, client_id: UUID, therapist_id: UUID, begun: frozenset[UUID] = frozenset()
) -> None:
    """Refuse a therapist who is new to a client, if that is said by the client's own key and the client has others.

    `begun` are those of episodes that are not written yet.
    """
    if caller.client_id is None:
        return
    sent = {"organisation": caller.organisation, "client_id": client_id}
    named = begun.union(connection.execute(_NAMED, sent).scalars())
    if named and therapist_id not in named:
        raise InvalidSubmission(Fault(pointer="/therapist_ref", code="unknown_therapist"))
