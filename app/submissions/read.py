"""Read one stored form back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.told import read_told, read_untold
from app.errors import NotCurrent, NotFound
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
        form = as_told(connection, runtime, caller, form)
        successor, withdrawal = None, None
        if not form.current:
            successor, withdrawal = store.read_fate(connection, submission_id, organisation=caller.organisation)
        comment = None
        if form.sealed_comment is not None:
            vault = runtime.vault.of(connection, organisation=caller.organisation)
            comment = vault.open_for(form.client_id, form.sealed_comment, comment_place(submission_id))
        return Fate(submission=form, superseded_by=successor, withdrawal=withdrawal, comment=comment)

    return await runtime.database.read(work, organisation=caller.organisation)


def as_told(connection: Connection, runtime: Runtime, caller: Caller, form: StoredSubmission) -> StoredSubmission:
    """Say of a form what rests on forms for the caller's eyes alone; of one that counts no longer nothing is left."""
    if not caller.must_be_told:
        return form
    told = read_told(connection, runtime.catalog, form.episode_id, organisation=caller.organisation)
    if told is None:
        return form
    said = told.assessments.get(form.submission_id)
    if said is None or form.submission_id in told.untold:
        raise NotFound
    return replace(
        form,
        change=said.change,
        signals=said.signals,
        stage=said.stage,
        recommendations=said.recommendations,
        recomputed_later_sessions=0,  # it counts sessions that the caller must not know to be rated
    )


def not_current(
    connection: Connection, caller: Caller, form: StoredSubmission, *, successor: UUID | None
) -> NotCurrent | NotFound:
    """Say that a form counts no longer and what replaced it, or that it is absent where it is read so: see as_told."""
    if caller.must_be_told and read_untold(connection, [form.episode_id], organisation=caller.organisation):
        return NotFound()
    return NotCurrent(submission_id=None if successor is None else str(successor))


async def is_all_told(runtime: Runtime, caller: Caller, episode_ids: Collection[UUID]) -> bool:
    """Say whether everything in some episodes is for the caller's eyes."""
    if not caller.must_be_told:
        return True
    untold = await runtime.database.read(
        lambda c: read_untold(c, episode_ids, organisation=caller.organisation), organisation=caller.organisation
    )
    return not untold
