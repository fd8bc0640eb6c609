"""Who calls with an API key."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from app.access import store
from app.access.api_key import ApiKey, parse_api_key
from app.access.caller import Caller, allowed_scopes
from app.access.visibility import acting_as
from app.errors import Unauthenticated
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


async def caller_of_key(runtime: Runtime, text: str) -> Caller:
    """Return the caller behind an API key, or raise Unauthenticated: also where keys bring tokens and no more."""
    key = parse_api_key(text)
    row = await find_key(runtime, key)
    if row.tokens_only:
        raise Unauthenticated
    return Caller(
        organisation=key.organisation,
        application=row.application_id,
        scopes=allowed_scopes(row.audience, row.scopes),
        client_id=row.client_id,
        acts_as=acting_as(row.acts_as),
        therapist_id=row.therapist_id,
        supervised=supervised_by(row),
        acting_required=bool(row.acting_required),
    )


async def find_key(runtime: Runtime, key: ApiKey) -> AnyRow:
    """Return a live API key with its application, or raise Unauthenticated."""
    row = await look_up_key(runtime, key.key_id, organisation=key.organisation)
    expected = runtime.keys.api_key(key.secret, organisation=key.organisation, key_id=key.key_id)
    if row is None or not hmac.compare_digest(row.digest, expected):
        raise Unauthenticated
    return row


async def look_up_key(runtime: Runtime, key_id: UUID, *, organisation: UUID) -> AnyRow | None:
    """Return the row of a live API key by its id."""
    return await runtime.lanes.run(
        "keys", key_id, partial(_find, runtime, organisation=organisation), organisation=organisation, most=500
    )


def supervised_by(row: AnyRow) -> frozenset[UUID] | None:
    """Read whom a supervisor's key opens now: nobody unless it is bound to a person who supervises a team."""
    if row.audience != "supervisor":
        return None
    return frozenset(UUID(therapist) for therapist in (row.supervised or "").split(",") if therapist)


async def _find(runtime: Runtime, key_ids: Sequence[UUID], *, organisation: UUID) -> list[AnyRow | None]:
    """Look up the keys of all requests that wait, in one statement that began after they came."""
    wanted, now = set(key_ids), runtime.now()
    found = await runtime.database.read(
        lambda c: store.find_live_keys(c, wanted, organisation=organisation, now=now), organisation=organisation
    )
    return [found.get(key_id) for key_id in key_ids]
