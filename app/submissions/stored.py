"""A form as it is kept, with all that was said about it: the same for the first answer and for every later one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from app.access.caller import Caller
from app.change.norms import Norm
from app.change.signal import Signal
from app.change.since import Change
from app.episodes.course import StoredScore
from app.instruments.model import Answer, InstrumentRef, ItemId, Rater
from app.stages.panel import StagePanel
from app.stages.recommend import Recommendation
from app.storage.sealed import Place
from app.submissions.form import Channel, Reported

WithdrawalReason = Literal["entered_in_error", "wrong_person", "client_request", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """That a form counts no longer: since when, why, and how many later sessions were looked at again."""

    withdrawn_at: datetime
    reason: WithdrawalReason
    recomputed_later_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSubmission:
    """One stored form and its assessment. References are not kept in the clear, so they are not here."""

    submission_id: UUID
    client_id: UUID
    therapist_id: UUID
    episode_id: UUID
    session_number: int
    rater: Rater
    instrument: InstrumentRef
    session_date: date | None
    completed_at: datetime
    received_at: datetime
    planned_sessions: int | None
    locale: str | None
    channel: Channel | None
    modality: str | None
    seen_by_therapist: bool | None
    answers: dict[ItemId, Answer]
    reported: Reported
    supersedes: UUID | None
    current: bool
    scores: tuple[StoredScore, ...]
    norm: Norm | None
    change: dict[str, Change]
    signals: tuple[Signal, ...]
    stage: StagePanel
    recommendations: tuple[Recommendation, ...]
    recomputed_later_sessions: int
    sealed_comment: bytes | None = None


def comment_place(submission_id: UUID) -> Place:
    """Say where a form's comment is kept."""
    return Place(table="submissions", column="sealed_comment", row=submission_id)


def sees(caller: Caller, form: StoredSubmission) -> bool:
    """Say whether a form is within what a key opens: of its client or therapist, and of a rater for its eyes."""
    within = caller.may_see(client_id=form.client_id, therapist_id=form.therapist_id)
    sight = caller.sight_of(form.therapist_id)
    return within and sight.sees_of("answers", rater=form.rater, told=form.seen_by_therapist)
