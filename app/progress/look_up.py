"""From what a caller calls a client to the opaque id."""

from __future__ import annotations

from uuid import UUID

from app.access.caller import Caller
from app.episodes.identify import find_client
from app.errors import NotFound
from app.storage.runtime import Runtime


async def look_up(runtime: Runtime, caller: Caller, *, system: str | None, value: str) -> UUID:
    """Return the client's id, or raise NotFound."""
    reference = runtime.keys.reference("client", system or "", value, organisation=caller.organisation)
    found = await runtime.database.read(lambda c: find_client(c, reference, organisation=caller.organisation))
    if found is None:
        raise NotFound
    return found
