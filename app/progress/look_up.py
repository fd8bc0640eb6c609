"""From what a caller calls a client to the opaque id."""

from __future__ import annotations

from uuid import UUID

from app.access.caller import Caller
from app.episodes.identify import find_client
from app.errors import NotFound
from app.progress.store import find_episode
from app.storage.runtime import Runtime


async def look_up(runtime: Runtime, caller: Caller, *, system: str | None, value: str) -> UUID:
    """Return the client's id, or raise NotFound: absent and outside what the key opens look alike."""
    reference = runtime.keys.reference("client", system or "", value, organisation=caller.organisation)

    client_id = await runtime.database.read(
        lambda c: find_client(c, reference, organisation=caller.organisation), organisation=caller.organisation
    )
    if client_id is None or caller.client_id not in {None, client_id}:
        raise NotFound
    if caller.therapists is not None:
        await find_episode(runtime, caller, client_id=client_id, episode_id=None)
    return client_id
