"""Read one stored form back."""

from __future__ import annotations

from uuid import UUID

from app.access.caller import Caller
from app.errors import NotFound
from app.storage.runtime import Runtime
from app.submissions import store
from app.submissions.stored import StoredSubmission


async def read(runtime: Runtime, caller: Caller, submission_id: UUID) -> StoredSubmission:
    """Return a form of the caller's organisation, or raise NotFound."""
    found = await runtime.database.read(lambda c: store.load(c, [submission_id], organisation=caller.organisation))
    if submission_id not in found:
        raise NotFound
    return found[submission_id]
