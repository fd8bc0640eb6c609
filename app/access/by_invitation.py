"""Who calls with an invitation: the client of it, or a parent, for this one form."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from app.access.caller import Caller
from app.access.invitation_token import parse_invitation_token
from app.access.visibility import acting_as
from app.errors import Unauthenticated
from app.storage.dialects import in_both
from app.storage.runtime import Runtime
from app.storage.token_tables import invitations
from app.storage.types import AnyRow

_LIVE = in_both(
    lambda among: select(
        invitations.c.invitation_id,
        invitations.c.application_id,
        invitations.c.client_id,
        invitations.c.rater,
        invitations.c.digest,
    ).where(
        invitations.c.organisation_id == bindparam("organisation"),
        among(invitations.c.invitation_id, "wanted"),
        invitations.c.revoked_at.is_(None),
    )
)


async def caller_of_invitation(runtime: Runtime, text: str) -> Caller:
    """Return the caller behind an invitation's token, or raise Unauthenticated: a renewal ends the token before it.

    Whether it has expired is told by the operations that it opens.
    """
    token = parse_invitation_token(text)
    row = await runtime.lanes.run(
        "invitations",
        token.id,
        partial(_find, runtime, organisation=token.organisation),
        organisation=token.organisation,
        most=500,
    )
    expected = runtime.keys.invitation(token.secret, organisation=token.organisation, invitation_id=token.id)
    if row is None or not hmac.compare_digest(row.digest, expected):
        raise Unauthenticated
    return Caller(
        organisation=token.organisation,
        application=row.application_id,
        scopes=frozenset(),
        client_id=row.client_id,
        acts_as=acting_as(row.rater),
        invitation=token.id,
    )


async def _find(runtime: Runtime, wanted: Sequence[UUID], *, organisation: UUID) -> list[AnyRow | None]:
    found = await runtime.database.read(
        lambda c: _live(c, set(wanted), organisation=organisation), organisation=organisation
    )
    return [found.get(invitation_id) for invitation_id in wanted]


def _live(connection: Connection, wanted: Collection[UUID], *, organisation: UUID) -> dict[UUID, AnyRow]:
    sent = {"organisation": organisation, "wanted": list(wanted)}
    return {row.invitation_id: row for row in connection.execute(_LIVE[connection.dialect.name], sent)}
