"""From the text of a bearer credential to the application that calls."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from app.access import store
from app.access.api_key import parse_api_key
from app.access.caller import Caller, allowed_scopes
from app.errors import Unauthenticated
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


async def authenticate(runtime: Runtime, credential: str) -> Caller:
    """Return the caller behind an API key, or raise Unauthenticated.

    The key is looked up on every request, so that a revoked one is refused by the next, and a supervisor who has left
    a team sees nothing more of it.
    """
    key = parse_api_key(credential)
    row = await runtime.lanes.run(
        "keys",
        key.key_id,
        partial(_find, runtime, organisation=key.organisation),
        organisation=key.organisation,
        most=500,
    )
    expected = runtime.keys.api_key(key.secret, organisation=key.organisation, key_id=key.key_id)
    if row is None or not hmac.compare_digest(row.digest, expected):
        raise Unauthenticated
    return Caller(
        organisation=key.organisation,
        application=row.application_id,
        scopes=allowed_scopes(row.audience, row.scopes),
        client_id=row.client_id,
        therapist_id=row.therapist_id,
        supervised=_supervised(row),
    )


def _supervised(row: AnyRow) -> frozenset[UUID] | None:
    """Read whom a supervisor's key opens now: nobody unless it is bound to a person who supervises a team."""
    if row.audience != "supervisor":
        return None
    return frozenset(UUID(therapist) for therapist in (row.supervised or "").split(",") if therapist)


async def _find(runtime: Runtime, key_ids: Sequence[UUID], *, organisation: UUID) -> list[AnyRow | None]:
    """Look up the keys of all requests that wait, in one statement that began after they came."""
    wanted = set(key_ids)
    found = await runtime.database.read(
        lambda c: store.find_live_keys(c, wanted, organisation=organisation), organisation=organisation
    )
    return [found.get(key_id) for key_id in key_ids]
