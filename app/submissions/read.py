"""Read one stored form back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.told import read_told
from app.errors import NotCurrent, NotFound
from app.storage.runtime import Runtime
from app.submissions import store
from app.submissions.stored import StoredSubmission, Withdrawal, comment_place, sees


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """A form as it is told now, and what became of it: its successor, or its withdrawal.

    `is_concluded` says whether what is concluded from it is told with it.
    """

    submission: StoredSubmission
    superseded_by: UUID | None
    withdrawal: Withdrawal | None
    comment: str | None
    is_concluded: bool = True


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
            successor, withdrawal = _fate(connection, caller, form)
        comment = None
        if form.sealed_comment is not None:
            vault = runtime.vault.of(connection, organisation=caller.organisation)
            comment = vault.open_for(form.client_id, form.sealed_comment, comment_place(submission_id))
        return Fate(
            submission=form,
            superseded_by=successor,
            withdrawal=withdrawal,
            comment=comment,
            is_concluded=form.current or not caller.sight_of(form.therapist_id).must_be_told,
        )

    return await runtime.database.read(work, organisation=caller.organisation)


def _fate(connection: Connection, caller: Caller, form: StoredSubmission) -> tuple[UUID | None, Withdrawal | None]:
    """Say what became of a form; one that gave way to a form that the caller must not know of is absent."""
    successor, withdrawal = store.read_fate(connection, form.submission_id, organisation=caller.organisation)
    if successor is not None and not is_told(connection, caller, successor):
        raise NotFound
    return successor, withdrawal


def as_told(connection: Connection, runtime: Runtime, caller: Caller, form: StoredSubmission) -> StoredSubmission:
    """Say of a form what rests on forms for the caller's eyes alone; of one that counts no longer nothing is said.

    That is so whether some form is for others' eyes or not: else everybody could see that one is.
    """
    if not caller.sight_of(form.therapist_id).must_be_told:
        return form
    supersedes = form.supersedes
    form = replace(
        form,
        supersedes=supersedes if supersedes is not None and is_told(connection, caller, supersedes) else None,
    )
    if not form.current:
        return replace(form, change={}, signals=(), recommendations=())
    told = read_told(connection, runtime.catalog, form.episode_id, organisation=caller.organisation)
    if told is None:
        return form
    said = told.assessments[form.submission_id]
    return replace(
        form, change=said.change, signals=said.signals, stage=said.stage, recommendations=said.recommendations
    )


def is_told(connection: Connection, caller: Caller, submission_id: UUID) -> bool:
    """Say whether a caller may know that a form is there, as far as the client was told who sees it."""
    if caller.treats is None:
        return True
    found = store.load(connection, [submission_id], organisation=caller.organisation)
    return submission_id in found and sees(caller, found[submission_id])


def not_current(connection: Connection, caller: Caller, *, successor: UUID | None) -> NotCurrent | NotFound:
    """Say that a form counts no longer and what replaced it, or that it is absent, as it is read then."""
    if successor is not None and not is_told(connection, caller, successor):
        return NotFound()
    return NotCurrent(submission_id=None if successor is None else str(successor))
