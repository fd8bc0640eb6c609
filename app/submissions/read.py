"""Read one stored form back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import NotFound
from app.storage.runtime import Runtime
from app.submissions import store
from app.submissions.stored import StoredSubmission, Withdrawal, comment_place, sees


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """A form as it is told now, and what became of it: its successor, or its withdrawal."""

    submission: StoredSubmission
    superseded_by: UUID | None
    withdrawal: Withdrawal | None
    comment: str | None


async def read(runtime: Runtime, caller: Caller, submission_id: UUID) -> Fate:
    """Return a form that the caller may see, with what is said about it now, or raise NotFound."""

    def work(connection: Connection) -> Fate:
        found = store.load(connection, [submission_id], organisation=caller.organisation, first=False)
        form = found.get(submission_id)
        if form is None or not sees(caller, form):
            raise NotFound
        successor, withdrawal = None, None
        if not form.current:
            successor, withdrawal = store.read_fate(connection, submission_id, organisation=caller.organisation)
        comment = None
        if form.sealed_comment is not None:
            vault = runtime.vault.of(connection, organisation=caller.organisation)
            comment = vault.open_for(form.client_id, form.sealed_comment, comment_place(submission_id))
        return Fate(submission=form, superseded_by=successor, withdrawal=withdrawal, comment=comment)

    return await runtime.database.read(work, organisation=caller.organisation)
